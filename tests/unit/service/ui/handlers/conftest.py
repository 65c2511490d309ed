"""A client of the pages of a service that keeps a decision log in `folder`."""

import pytest

from tests.apps import app_of
from tests.recorded_log import MODELS


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "log"
    path.mkdir()
    return path


@pytest.fixture
def client(folder):
    return app_of(ui="on", decision_log=str(folder), model=str(MODELS / "raw.npz")).test_client()
