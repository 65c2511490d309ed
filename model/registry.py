"""Registry: where a service gets its model from: a file, or a store and whatever version is current there."""

import os
from pathlib import Path

from model import artifact, pointer, store
from model.errors import DigestMismatch, ModelError
from model.risk import RiskModel


def load(path: Path | str, sha256: str | None = None) -> RiskModel:
    """The model in this file, or the current one of this store, sound and fit to give delay risks. Raises ModelError."""
    if os.path.isdir(path):
        current = store.current(path)
        if sha256 not in (None, current.sha256):
            raise DigestMismatch(f"{pointer.CURRENT}.sha256", "not the one that was asked for")
        return store.load(path, current)
    model = artifact.read(path, sha256)
    model.require_risk()
    return model


def last_good(path: Path | str, sha256: str | None = None) -> RiskModel:
    """The same; of a store whose current version is not sound, the one that was current before it. Raises ModelError."""
    if sha256 is not None or not os.path.isdir(path):
        return load(path, sha256)
    *earlier, current = pointer.read(path)
    try:
        return store.load(path, current)
    except ModelError:
        for at in reversed(earlier):
            try:
                return store.load(path, at)
            except ModelError:
                continue
        raise
