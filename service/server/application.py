"""Server: gunicorn's settings, from one source for `delivery-risk serve` and for containers.

Workers are forked from a master that has loaded the model. A new worker counts in the lowest slot of the tally that no
living worker has; should all be taken, it shares the last one rather than keep the master from starting it.
"""

import ctypes
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.http.body import ChunkedReader

from model.core.risk_model import RiskModel
from model.registry import loader
from service.auth import token_store
from service.config import Settings, heartbeats, variable
from service.metrics import initial_series
from service.metrics.recorder import Metrics
from service.rollout.reloader import Reloader
from service.server import fork_signals, log_redaction, watchdog
from service.server.worker import Worker
from service.serving.active_models import Serving
from service.serving.drain import draining
from service.shared.counters import SLOTS, SharedCounters
from service.telemetry import logging
from service.telemetry.tracing import Tracer
from service.web.application import create_app
from service.web.concurrency_limit import ConcurrencyLimit

GC_THRESHOLDS = (100_000, 20, 20)
"""A batch of 10,000 orders is that many objects without a cycle: looking for one every 700 of them is time lost."""

KEPT_BYTES = 8 * 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # by the names of glibc's malloc.h


class Logger(log_redaction.Logger):
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
    model = loader.last_good(settings.model, settings.model_sha256)
    stage, metrics, tracer = Serving(model, settings.max_orders), Metrics(SharedCounters()), Tracer(environ)
    admission = ConcurrencyLimit(settings, metrics)
    follower = None
    if os.path.isdir(settings.model):
        follower = Reloader(settings.model, stage, metrics, settings.model_sha256)
    app = create_app(settings, stage, metrics, admission, tracer)
    return Assembly(app, _options(settings, stage, metrics, admission, tracer, follower), model)


def _options(
    settings: Settings, stage: Serving, metrics: Metrics, admission: ConcurrencyLimit, tracer: Tracer, follower: Reloader | None
) -> dict[str, Any]:
    """Settings by gunicorn's own names."""

    def on_starting(arbiter: Any) -> None:
        for said in contradictions(arbiter.cfg, settings):
            raise SystemExit(f"delivery-risk: {said}")
        fork_signals.prepare()
        token_store.announce(settings.tokens_file)

    def pre_fork(arbiter: Any, worker: Any) -> None:
        living = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = min(set(range(SLOTS)) - living, default=SLOTS - 1)
        fork_signals.hold()

    def post_fork(arbiter: Any, worker: Any) -> None:
        metrics.counters.attach(worker.slot)
        stage.attach(worker.slot)
        initial_series.show(metrics.counters, stage.active)
        metrics.started()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        keep_memory()

    def post_worker_init(worker: Any) -> None:
        fork_signals.release()
        watchdog.start(admission, metrics, worker)
        tracer.start()
        if follower is not None:
            follower.start()

    def pre_request(worker: Any, request: Any) -> None:
        if _asks_for_scores(request):
            metrics.entered()
        # A connection is closed from here: gunicorn ignores an application's `Connection: close`. It reads what is left of a
        # body after the answer, and to badly framed chunks it would then answer once more, to whoever asks next.
        if isinstance(getattr(request.body, "reader", None), ChunkedReader) or draining(settings.drain_file):
            request.force_close()

    def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:
        if _asks_for_scores(request):  # and has its answer to the last byte, or will never have it
            metrics.left()

    def child_exit(arbiter: Any, worker: Any) -> None:
        metrics.counters.attach(worker.slot)  # in the master, which counts nothing of its own
        metrics.ended()
        stage.worker_states.ended(worker.slot)

    def worker_exit(arbiter: Any, worker: Any) -> None:
        tracer.stop()

    return {
        **configured(settings),
        "on_starting": on_starting,
        "pre_fork": pre_fork,
        "post_fork": post_fork,
        "post_worker_init": post_worker_init,
        "pre_request": pre_request,
        "post_request": post_request,
        "child_exit": child_exit,
        "worker_exit": worker_exit,
    }


def _asks_for_scores(request: Any) -> bool:
    return (request.method, request.path) == ("POST", "/score")


def configured(settings: Settings) -> dict[str, Any]:
    """What these settings are for gunicorn, by its own names, but for the hooks."""
    return {
        "bind": settings.bind,
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "preload_app": True,
        "keepalive": settings.keepalive_seconds,
        "graceful_timeout": settings.graceful_timeout_seconds,
        "control_socket_disable": True,
        "worker_tmp_dir": heartbeats(),
        "forwarder_headers": "",  # a SCRIPT_NAME that a request's path does not begin with would be answered with 500
        "loglevel": settings.log_level,
        "logger_class": Logger,
        "logconfig_dict": logging.config(settings.log_level),
    }


def keep_memory() -> None:
    """Have glibc keep what a batch needed for the next one, rather than fetch and clear the same pages each time.

    In one arena for all threads, which Python's lock keeps apart anyway: each would keep as much for itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has none
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


_FOR_GUNICORN_ITSELF = ("config", "paste", "chdir", "pythonpath", "daemon", "check_config", "print_config", "spew")


def overrides(cfg: Config) -> dict[str, Any]:
    """What GUNICORN_CMD_ARGS says, by gunicorn's own names. Raises ConfigError; ends the process as gunicorn does, too."""
    given = vars(cfg.parser().parse_args(cfg.get_cmd_args_from_env()))
    refused = [cfg.settings[name].cli[-1] for name in _FOR_GUNICORN_ITSELF if given[name] is not None]
    refused += ["an application"] if given.pop("args") else []
    if refused:
        instead = "run gunicorn itself: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"
        raise ConfigError(f"GUNICORN_CMD_ARGS: {', '.join(refused)} cannot be taken here; {instead}")
    return {name: value for name, value in given.items() if value is not None}


def contradictions(cfg: Config, settings: Settings) -> Iterator[str]:
    """Where gunicorn is told what the service cannot keep its word with."""
    if not issubclass(cfg.worker_class, Worker):
        yield "gunicorn's --worker-class cannot be another: the service's own keeps tokens out of the log"
    if cfg.threads <= settings.max_concurrent:
        yield f"gunicorn's --threads must be over {variable('max_concurrent')}: with all taken, no probe would be answered"
    if cfg.loglevel != settings.log_level:
        yield f"gunicorn's --log-level does nothing here: set {variable('log_level')}"


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn serving this application; GUNICORN_CMD_ARGS has the last word, as it has everywhere.

    What only gunicorn's own command carries out is refused there. A configuration file is among it: one with hooks would
    replace those that count the workers. `greet` is called with the addresses once the sockets are open.
    """

    def __init__(self, app: Flask, settings: dict[str, Any], greet: Callable[[list[str]], None]) -> None:
        self._app = app
        self._settings = {**settings, "when_ready": lambda arbiter: greet([str(listener) for listener in arbiter.LISTENERS])}
        super().__init__()

    def load_config(self) -> None:
        for name, value in (self._settings | overrides(self.cfg)).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app
