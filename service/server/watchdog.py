"""Watchdog: a thread in each worker that ends the worker when a request is over its deadline.

A thread cannot be ended; its process can. The worker stops accepting connections, so that new ones go to the other workers,
finishes its other requests and exits; the master starts a new one. gunicorn's own timeout only checks that the main loop
runs, which it does beside a request that never ends. It remains the last resort for code that holds Python's lock and so
stops this thread too.

Each request that ends with the worker is logged before the process ends; the master counts it as lost.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from service.metrics.recorder import Metrics
from service.telemetry.request_context import RequestContext
from service.web.concurrency_limit import ConcurrencyLimit, Permit

TICK_SECONDS = 0.2
GRACE_SECONDS = 3.5  # gunicorn keeps idle connections for 2 s of it, for requests that are under way
_LAST_BYTES_SECONDS = 0.1

_log = logging.getLogger("delivery_risk.watchdog")


def start(limit: ConcurrencyLimit, metrics: Metrics, worker: Any) -> None:
    """Watch this worker's permits. Call it in the worker: threads do not survive a fork."""
    threading.Thread(target=_watch, args=(limit, metrics, worker), name="watchdog", daemon=True).start()


def _watch(limit: ConcurrencyLimit, metrics: Metrics, worker: Any) -> None:
    while not (overdue := limit.sweep()):
        time.sleep(TICK_SECONDS)
    logged: dict[int, RequestContext] = {}
    _report_overdue(overdue, logged, metrics)
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    time.sleep(TICK_SECONDS)  # until then it may still accept a connection
    while worker.nr_conns > len(limit.sweep()) and time.monotonic() < deadline:
        time.sleep(TICK_SECONDS)
    time.sleep(_LAST_BYTES_SECONDS)
    _report_overdue(limit.sweep(), logged, metrics)
    for context in _new(limit.taken(), logged):
        _log.error("a request ends with its worker", extra={"request_id": context.request_id})
    for handler in logging.root.handlers:
        handler.flush()
    os._exit(1)


def _report_overdue(permits: list[Permit], logged: dict[int, RequestContext], metrics: Metrics) -> None:
    """Count and log the requests with these permits that are not logged yet."""
    for context in _new(permits, logged):
        metrics.count("delivery_risk_requests_overdue_total", "compute")
        _log.error("a request is over its time limit; its worker is replaced", extra={"request_id": context.request_id})


def _new(permits: list[Permit], logged: dict[int, RequestContext]) -> Iterator[RequestContext]:
    """The requests with these permits that are not logged yet. Callers choose request ids, so two may be equal."""
    for permit in permits:
        context = permit.context
        if context is not None and id(context) not in logged:
            logged[id(context)] = context
            yield context
