"""Registry: where a service gets its model from."""

from pathlib import Path

from model import artifact
from model.risk import RiskModel


def load(path: Path | str, sha256: str | None = None) -> RiskModel:
    """The model in this file, sound and fit to give delay risks. Raises ModelError."""
    model = artifact.read(path, sha256)
    model.require_risk()
    return model
