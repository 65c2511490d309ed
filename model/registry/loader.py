"""Loads the model that a path leads to: a model file, or the current version of a registry."""

import os
from pathlib import Path

from model.artifact import model_file
from model.core.manifest import Reserved, no_names
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError
from model.registry import references, versions


def load(path: Path | str, sha256: str | None = None, *, reserved: Reserved = no_names) -> RiskModel:
    """The servable model in this file, or the current version of this registry. Raises ModelError.

    No input may have a `reserved` name.
    """
    if os.path.isdir(path):
        current = versions.current(path)
        if sha256 not in (None, current.sha256):
            raise DigestMismatch(f"{references.CURRENT}.sha256", "not the expected digest")
        return versions.load(path, current, reserved=reserved)
    model = model_file.read(path, sha256)
    model.require_risk(reserved)
    return model


def last_valid(path: Path | str, sha256: str | None = None, *, reserved: Reserved = no_names) -> RiskModel:
    """The same; if the current version of a registry is invalid, the latest valid one before it. Raises ModelError."""
    if sha256 is not None or not os.path.isdir(path):
        return load(path, sha256, reserved=reserved)
    errors: list[ModelError] = []
    for at in reversed(references.read(path)):
        try:
            return versions.load(path, at, reserved=reserved)
        except ModelError as error:
            errors.append(error)
    raise errors[0]
