import json
from pathlib import Path

import numpy as np
import pytest

from tests.registries import holding, version_of


@pytest.fixture
def arrays(tmp_path):
    """A training script's arrays: two features, three hidden units, of which the last is never active."""
    np.savez(
        tmp_path / "trained.npz",
        feature_names=np.array(["backlog", "distance"]),
        mean=np.array([3.0, 100.0]),
        scale=np.array([2.0, 50.0]),
        w1=np.array([[1.0, 0.5], [-1.0, 0.25], [0.0, 0.0]]),
        b1=np.array([0.0, 0.1, -1.0]),
        w2=np.array([[1.0, -2.0, 3.0]]),
        b2=np.array([-0.5]),
    )
    return "trained.npz"


@pytest.fixture
def import_(run):
    """Import arrays as made.npz."""
    made = ("--name", "made", "--version", "7", "--threshold", "0.4", "--out", "made.npz")
    return lambda source, *more: run("model", "import", source, *made, *more)


@pytest.fixture
def with_card(import_, arrays):
    """Import with a card of these features."""

    def with_card(*features, source=arrays, description=""):
        Path("card.json").write_text(json.dumps({"features": features}))
        return import_(source, "--card", "card.json", "--description", description)

    return with_card


@pytest.fixture
def models(run, tmp_path):
    """A registry of versions 7 to 9, 8 current after 7, and the files of 9 and 10 outside."""
    for version in ("9", "10"):
        Path(f"{version}.npz").write_bytes(version_of(version))
    return holding(tmp_path / "models", "789", "78")
