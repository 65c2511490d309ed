"""Watchdog: a thread in each worker that ends the worker when a request has overstayed its time.

A thread cannot be ended, its process can. The worker stops to accept, so that new connections go to the others, answers what
else it has, and exits; the master puts another in its place. gunicorn's own timeout only asks whether the main loop turns,
which it does beside a request that never ends; it remains the net for code that holds Python's lock and stops this thread too.

What ends with the worker is logged, each request once, before the process is gone; the master counts it as lost.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from service.metrics.recorder import Metrics
from service.web.concurrency_limit import ConcurrencyLimit, Permit
from service.web.middleware import RequestContext

TICK_SECONDS = 0.2
GRACE_SECONDS = 3.5  # gunicorn keeps idle connections for 2 s of it, for requests that are on their way
_LAST_BYTES_SECONDS = 0.1

_log = logging.getLogger("delivery_risk.watchdog")


def start(admission: ConcurrencyLimit, metrics: Metrics, worker: Any) -> None:
    """Watch this worker's places. To be called in the worker: threads do not survive a fork."""
    threading.Thread(target=_watch, args=(admission, metrics, worker), name="watchdog", daemon=True).start()


def _watch(admission: ConcurrencyLimit, metrics: Metrics, worker: Any) -> None:
    while not (overdue := admission.sweep()):
        time.sleep(TICK_SECONDS)
    told: dict[int, RequestContext] = {}
    _overstayed(overdue, told, metrics)
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    time.sleep(TICK_SECONDS)  # until then it may still accept a connection
    while _connections(worker) > len(admission.sweep()) and time.monotonic() < deadline:
        time.sleep(TICK_SECONDS)
    time.sleep(_LAST_BYTES_SECONDS)
    _overstayed(admission.sweep(), told, metrics)
    for record in _untold(admission.taken(), told):
        _log.error("a request ends with its worker", extra={"request_id": record.request_id})
    os._exit(1)


def _overstayed(places: list[Permit], told: dict[int, RequestContext], metrics: Metrics) -> None:
    """Count and log the requests in these places but for those that were told of before."""
    for record in _untold(places, told):
        metrics.overdue("compute")
        _log.error("a request has overstayed its time; its worker is replaced", extra={"request_id": record.request_id})


def _untold(places: list[Permit], told: dict[int, RequestContext]) -> Iterator[RequestContext]:
    """The requests in these places that are not told of yet; ids of requests are the callers', and may be alike."""
    for place in places:
        record = place.record
        if record is not None and id(record) not in told:
            told[id(record)] = record
            yield record


def _connections(worker: Any) -> int:
    return getattr(worker, "nr_conns", 0)
