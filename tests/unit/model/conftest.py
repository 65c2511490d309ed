import json
import os
from contextlib import contextmanager

import pytest

from model.importers.arrays import training_arrays
from tests.model_files import rejects
from tests.registries import holding
from tests.training_arrays import LABEL, saved_bytes


@pytest.fixture
def imported(tmp_path):
    """Import training arrays, or bytes in their place, with a card where one is given."""

    def imported(saved, label=LABEL, card=None):
        source = tmp_path / "model.npz"
        source.write_bytes(saved if isinstance(saved, bytes) else saved_bytes(saved))
        if card is None:
            return training_arrays(source, label)
        (tmp_path / "card.json").write_text(card if isinstance(card, str) else json.dumps(card))
        return training_arrays(source, label, tmp_path / "card.json")

    return imported


@pytest.fixture
def rejection(imported):
    """The reason of this error, which an import must give with this location."""

    def rejection(error, location, *given):
        with rejects(error, location) as rejected:
            imported(*given)
        return rejected.value.reason

    return rejection


@pytest.fixture
def failing(monkeypatch):
    """This function of `os` raises this error in the block, which must raise it."""

    @contextmanager
    def failing(step, error):
        def fails(*_, **__):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(os, step, fails)
            with pytest.raises(type(error)):
                yield

    return failing


@pytest.fixture
def three(tmp_path):
    """A registry of the versions 1, 2 and 3, promoted one after the other."""
    return holding(tmp_path / "registry", "123", "123")
