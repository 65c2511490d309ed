"""Server: gunicorn's settings, from one source for `delivery-risk serve` and for containers.

Workers are forked from a master that has loaded the model. A new worker counts in the lowest slot of the tally that no
living worker has; should all be taken, it shares the last one rather than keep the master from starting it.
"""

import ctypes
import gc
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Flask
from gunicorn import glogging
from gunicorn.app.base import BaseApplication

from model import registry
from model.risk import RiskModel
from service import logs
from service.app import create_app
from service.config import Settings
from service.lineup import Stage
from service.metrics import Metrics
from service.reload import Follower
from service.tally import SLOTS, Tally
from service.tracing import Tracer

GC_THRESHOLDS = (100_000, 20, 20)
"""A batch of 10,000 orders is that many objects without a cycle: looking for one every 700 of them is time lost."""

KEPT_BYTES = 64 * 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # by the names of glibc's malloc.h


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own, without its access log: the service writes a line a request itself."""

    def access(self, *_: Any) -> None:
        """Nothing; gunicorn would put a line together even where no handler takes it."""


class Assembly(NamedTuple):
    """A service, put together: its application, gunicorn's settings for it, and the model that it starts with."""

    app: Flask
    options: dict[str, Any]
    model: RiskModel


def assemble(settings: Settings, environ: Mapping[str, str]) -> Assembly:
    """The service of these settings, to be forked into workers, with OpenTelemetry's from the environ. Raises ModelError."""
    model = registry.last_good(settings.model, settings.model_sha256)
    tally, stage, tracer = Tally(), Stage(model, settings.max_orders), Tracer(environ)
    follower = None
    if os.path.isdir(settings.model):
        follower = Follower(settings.model, stage, Metrics(tally), settings.model_sha256)
    app = create_app(settings, stage, tally, tracer)
    return Assembly(app, _options(settings, tally, stage, tracer, follower), model)


def _options(settings: Settings, tally: Tally, stage: Stage, tracer: Tracer, follower: Follower | None) -> dict[str, Any]:
    """Settings by gunicorn's own names."""

    def pre_fork(arbiter: Any, worker: Any) -> None:
        living = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = min(set(range(SLOTS)) - living, default=SLOTS - 1)

    def post_fork(arbiter: Any, worker: Any) -> None:
        tally.attach(worker.slot)
        stage.attach(worker.slot)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        _keep_memory()

    def post_worker_init(worker: Any) -> None:
        tracer.start()
        if follower is not None:
            follower.start()

    def worker_exit(arbiter: Any, worker: Any) -> None:
        tracer.stop()

    return {
        "bind": settings.bind,
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": "gthread",
        "preload_app": True,
        "keepalive": settings.keepalive_seconds,
        "graceful_timeout": settings.graceful_timeout_seconds,
        "control_socket_disable": True,
        "loglevel": settings.log_level,
        "logger_class": Logger,
        "logconfig_dict": logs.config(settings.log_level),
        "pre_fork": pre_fork,
        "post_fork": post_fork,
        "post_worker_init": post_worker_init,
        "worker_exit": worker_exit,
    }


def _keep_memory() -> None:
    """Have glibc keep what a batch needed for the next one, rather than fetch and clear the same pages each time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has none
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn serving this application; GUNICORN_CMD_ARGS has the last word, as it has everywhere.

    `greet` is called with the addresses once the sockets are open.
    """

    def __init__(self, app: Flask, settings: dict[str, Any], greet: Callable[[list[str]], None]) -> None:
        self._app = app
        self._settings = {**settings, "when_ready": lambda arbiter: greet([str(listener) for listener in arbiter.LISTENERS])}
        super().__init__()

    def load_config(self) -> None:
        given = vars(self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env()))
        overrides = {name: value for name, value in given.items() if value is not None and name not in ("args", "config")}
        for name, value in (self._settings | overrides).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app
