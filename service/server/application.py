"""The gunicorn application of `delivery-risk serve`."""

from collections.abc import Callable

from flask import Flask
from gunicorn.app.base import BaseApplication

from service.app import Service
from service.server import hooks
from service.server.configuration import overrides


class GunicornApplication(BaseApplication):  # type: ignore[misc]
    """gunicorn serving this service. GUNICORN_CMD_ARGS has the last word, as it has everywhere.

    What only gunicorn's own command carries out is rejected there, a configuration file among it: one with hooks would
    replace those of the service. `on_ready` is called with the addresses once the sockets are open.
    """

    def __init__(self, service: Service, on_ready: Callable[[list[str]], None]) -> None:
        self._app = service.app
        self._options = hooks.options(service)
        self._on_ready = on_ready
        super().__init__()

    def load_config(self) -> None:
        ready = {"when_ready": lambda arbiter: self._on_ready([str(listener) for listener in arbiter.LISTENERS])}
        for name, value in (self._options | ready | overrides(self.cfg)).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app
