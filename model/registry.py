"""Registry: where a service gets its model from: a file, or a store and whatever version is current there."""

import os
from pathlib import Path

from model import artifact, store
from model.errors import DigestMismatch
from model.pointer import NAME
from model.risk import RiskModel


def load(path: Path | str, sha256: str | None = None) -> RiskModel:
    """The model in this file, or the current one of this store, sound and fit to give delay risks. Raises ModelError."""
    if os.path.isdir(path):
        current = store.current(path)
        if sha256 not in (None, current.sha256):
            raise DigestMismatch(f"{NAME}.sha256", "not the one that was asked for")
        return store.load(path, current)
    model = artifact.read(path, sha256)
    model.require_risk()
    return model
