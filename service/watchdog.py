"""Watchdog: a thread in each worker that ends the worker when a request has overstayed its time.

A thread cannot be ended, its process can. The worker stops to accept, so that new connections go to the others, answers what
else it has, and exits; the master puts another in its place. gunicorn's own timeout only asks whether the main loop turns,
which it does beside a request that never ends; it remains the net for code that holds Python's lock and stops this thread too.
"""

import logging
import os
import signal
import threading
import time
from typing import Any

from service.admission import Admission
from service.metrics import Metrics

TICK_SECONDS = 0.2
GRACE_SECONDS = 3.5  # gunicorn keeps idle connections for 2 s of it, for requests that are on their way
_LAST_BYTES_SECONDS = 0.1

_log = logging.getLogger("delivery_risk.watchdog")


def start(admission: Admission, metrics: Metrics, worker: Any) -> None:
    """Watch this worker's places. To be called in the worker: threads do not survive a fork."""
    threading.Thread(target=_watch, args=(admission, metrics, worker), name="watchdog", daemon=True).start()


def _watch(admission: Admission, metrics: Metrics, worker: Any) -> None:
    while not (overdue := admission.sweep()):
        time.sleep(TICK_SECONDS)
    for place in overdue:
        metrics.overdue("compute")
        request_id = place.record and place.record.request_id
        _log.error("a request has overstayed its time; its worker is replaced", extra={"request_id": request_id})
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _connections(worker) > len(admission.sweep()) and time.monotonic() < deadline:
        time.sleep(TICK_SECONDS)
    time.sleep(_LAST_BYTES_SECONDS)
    os._exit(1)


def _connections(worker: Any) -> int:
    return getattr(worker, "nr_conns", 0)
