"""Hooks: what gunicorn calls in the master and in the workers, and its settings.

Workers are forked from a master that has loaded the model. A new worker counts in the lowest slot of the shared counters that
no living worker has; if all are taken, it shares the last one, since a hook that raises would stop the master.
"""

import gc
from typing import Any

from gunicorn.http.body import ChunkedReader

from service.app import Service
from service.auth import token_store
from service.config import Settings, heartbeats
from service.metrics.definitions import IN_PROGRESS
from service.server import fork_signals, memory, watchdog
from service.server.conflicts import conflicts
from service.server.log_redaction import Logger
from service.server.worker import Worker
from service.serving.drain import draining
from service.shared.counters import SLOTS
from service.telemetry import logging

GC_THRESHOLDS = (100_000, 20, 20)
"""A batch of 10,000 orders is that many objects without a cycle; searching for one after every 700 costs time."""


def options(service: Service) -> dict[str, Any]:
    """The settings and hooks of this service, by gunicorn's own names."""
    settings, metrics, serving = service.settings, service.metrics, service.serving
    scoring_routes = frozenset(service.scoring_routes)

    def on_starting(arbiter: Any) -> None:
        for conflict in conflicts(arbiter.cfg, settings):
            raise SystemExit(f"delivery-risk: {conflict}")
        fork_signals.prepare()
        token_store.log_state(settings.tokens_file)

    def pre_fork(arbiter: Any, worker: Worker) -> None:
        living = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = min(set(range(SLOTS)) - living, default=SLOTS - 1)
        fork_signals.hold()

    def post_fork(arbiter: Any, worker: Worker) -> None:
        metrics.counters.attach(worker.slot)
        serving.attach(worker.slot)
        service.show_initial_series()
        metrics.count("delivery_risk_workers_started_total")
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        memory.keep()

    def post_worker_init(worker: Worker) -> None:
        fork_signals.release()
        watchdog.start(service.concurrency_limit, metrics, worker)
        service.tracer.start()
        if service.reloader is not None:
            service.reloader.start()

    def pre_request(worker: Worker, request: Any) -> None:
        if (request.method, request.path) in scoring_routes:
            metrics.count(IN_PROGRESS)
        # A connection is closed from here: gunicorn ignores an application's `Connection: close`. It reads the rest of a
        # body after the answer, and after badly framed chunks it would answer once more, to the next request.
        if isinstance(getattr(request.body, "reader", None), ChunkedReader) or draining(settings.drain_file):
            request.force_close()

    def post_request(worker: Worker, request: Any, environ: Any, response: Any) -> None:
        if (request.method, request.path) in scoring_routes:  # its answer is sent to the last byte, or never will be
            metrics.count(IN_PROGRESS, amount=-1)

    def child_exit(arbiter: Any, worker: Worker) -> None:
        metrics.counters.attach(worker.slot)  # in the master, which counts nothing of its own
        metrics.worker_ended()
        serving.worker_states.ended(worker.slot)

    def worker_exit(arbiter: Any, worker: Worker) -> None:
        service.tracer.stop()

    hooks = (on_starting, pre_fork, post_fork, post_worker_init, pre_request, post_request, child_exit, worker_exit)
    return configuration(settings) | {hook.__name__: hook for hook in hooks}


def configuration(settings: Settings) -> dict[str, Any]:
    """The settings without the hooks, by gunicorn's own names."""
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
        "forwarder_headers": "",  # a SCRIPT_NAME header that is not a prefix of the path would be answered 500
        "loglevel": settings.log_level,
        "logger_class": Logger,
        "logconfig_dict": logging.config(settings.log_level),
    }
