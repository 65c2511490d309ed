from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from model import store
from tests.model.stores import publish
from tests.service.apps import app_of

ORDER = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}


@pytest.fixture
def make_client() -> Callable[..., FlaskClient]:
    """A client of the application under these settings, given by their names without the prefix."""

    def make(**given: str) -> FlaskClient:
        return app_of(**given).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


@pytest.fixture
def order() -> dict[str, object]:
    return dict(ORDER)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A store of versions 1 to 3, the first of which is current."""
    directory = tmp_path / "models"
    directory.mkdir()
    for version in "123":
        publish(directory, version, float(version))
    store.promote("1", directory)
    return directory
