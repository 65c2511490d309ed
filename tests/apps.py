"""Services to test in this process."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service import config
from service.app import Service, build
from tests.servers import read_metrics


class _Client(FlaskClient):
    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


def service_of(**given: str) -> Service:
    """The service of these settings, given by their names without the prefix.

    The test clients of its application take answers to the end, as a server does.
    """
    service = build(config.load({config.variable(name): value for name, value in given.items()}), {})
    service.app.test_client_class = _Client
    return service


def app_of(**given: str) -> Flask:
    """Its application."""
    return service_of(**given).app


def samples(client: FlaskClient, **headers: str) -> dict[str, float]:
    """The samples of a scrape: value by name with labels."""
    return read_metrics(client.get("/metrics", headers=headers).text)
