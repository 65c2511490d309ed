from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from model import registry
from service import config
from service.admission import Admission
from service.app import create_app
from service.tally import Tally

ORDER = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}


@pytest.fixture
def make_client() -> Callable[..., FlaskClient]:
    """A client of the application under these settings, given by their names without the prefix."""

    def make(**given: str) -> FlaskClient:
        settings = config.load({config.variable(name): value for name, value in given.items()})
        tally = Tally()
        return create_app(settings, registry.load(settings.model), tally, Admission(settings, tally)).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


@pytest.fixture
def order() -> dict[str, object]:
    return dict(ORDER)
