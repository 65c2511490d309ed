"""Registry: where a service gets its model from: a file, or a store and whatever version is current there."""

import os
from collections.abc import Collection
from pathlib import Path

from model.artifact import model_file
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError
from model.registry import references, versions


def load(path: Path | str, sha256: str | None = None, *, reserved: Collection[str] = ()) -> RiskModel:
    """The model in this file, or the current one of this store, sound and fit to give delay risks. Raises ModelError."""
    if os.path.isdir(path):
        current = versions.current(path)
        if sha256 not in (None, current.sha256):
            raise DigestMismatch(f"{references.CURRENT}.sha256", "not the one that was asked for")
        return versions.load(path, current, reserved=reserved)
    model = model_file.read(path, sha256)
    model.require_risk(reserved)
    return model


def last_good(path: Path | str, sha256: str | None = None, *, reserved: Collection[str] = ()) -> RiskModel:
    """The same; of a store whose current version is not sound, the one that was current before it. Raises ModelError."""
    if sha256 is not None or not os.path.isdir(path):
        return load(path, sha256, reserved=reserved)
    *earlier, current = references.read(path)
    try:
        return versions.load(path, current, reserved=reserved)
    except ModelError:
        for at in reversed(earlier):
            try:
                return versions.load(path, at, reserved=reserved)
            except ModelError:
                continue
        raise
