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
    """Import training arrays, or bytes in their place, with a card or a preparation where one is given."""

    def imported(saved, label=LABEL, card=None, preparation=None):
        source = tmp_path / "model.npz"
        source.write_bytes(saved if isinstance(saved, bytes) else saved_bytes(saved))
        beside = {}
        for kind, content in (("card", card), ("preparation", preparation)):
            if content is not None:
                beside[kind] = tmp_path / f"{kind}.json"
                beside[kind].write_text(content if isinstance(content, str) else json.dumps(content))
        return training_arrays(source, label, **beside)

    return imported


@pytest.fixture
def rejection(imported):
    """The reason of this error, which an import must give with this location."""

    def rejection(error, location, *given, **more):
        with rejects(error, location) as rejected:
            imported(*given, **more)
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
