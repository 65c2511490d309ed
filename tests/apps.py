"""Services to test in this process."""

from flask import Flask
from flask.testing import FlaskClient

from service import config
from service.app import Service, build
from tests.servers import read_metrics


def service_of(**given: str) -> Service:
    """The service of these settings, given by their names without the prefix."""
    return build(config.load({config.variable(name): value for name, value in given.items()}), {})


def app_of(**given: str) -> Flask:
    """Its application."""
    return service_of(**given).app


def samples(client: FlaskClient, **headers: str) -> dict[str, float]:
    """The samples of a scrape: value by name with labels."""
    return read_metrics(client.get("/metrics", headers=headers).text)
