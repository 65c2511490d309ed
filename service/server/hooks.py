"""Hooks: what gunicorn calls in the master and in the workers.

Workers are forked from a master that has loaded the model. A new worker counts in the lowest slot of the shared counters that
no living worker has; if all are taken, it has the shared one, since a hook that raises would stop the master. It counts there
from its fork on: it logs a line before gunicorn calls post_fork, and a second thread counts that line if it cannot be written.
"""

import ctypes
import gc
import os
import signal
import socket
from contextlib import suppress
from logging import getLogger, shutdown
from pathlib import Path
from typing import Any

from gunicorn.http.body import ChunkedReader

from service.app import Service
from service.auth import token_store
from service.metrics.definitions import IN_PROGRESS, WORKERS_STARTED
from service.server import sockets, watchdog
from service.server.arbiter import Arbiter
from service.server.configuration import configuration, conflicts
from service.server.worker import Worker
from service.shared.counters import MASTER_SLOT
from service.telemetry import logging

GC_THRESHOLDS = (100_000, 20, 20)
"""A batch of 10,000 orders is that many objects without a cycle; searching for one after every 700 costs time."""

_SHARED_SLOT = MASTER_SLOT - 1
KEPT_BYTES, LARGE_BYTES = 8 * 2**20, 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # names of glibc's malloc.h
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_log = getLogger("delivery_risk.server")
_HELD_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def options(service: Service) -> dict[str, Any]:
    """The settings and hooks of this service, by gunicorn's own names."""
    settings, metrics, serving = service.settings, service.metrics, service.serving

    def scores(request: Any) -> bool:
        route = service.table.at(request.path).get(request.method)
        return route is not None and route.scoring and request.method == route.method

    def on_starting(arbiter: Any) -> None:
        if found := list(conflicts(arbiter.cfg, settings, given)):
            raise SystemExit(f"delivery-risk: {'; '.join(found)}")
        sockets.install()
        Arbiter.take_over(arbiter, metrics)
        os.register_at_fork(after_in_child=in_child, after_in_parent=in_parent)
        token_store.log_state(settings.tokens_file)
        serving.warn_if_illustrative()
        _give_back_memory()

    slots: list[int] = []  # that of a worker that is being forked

    def in_child() -> None:
        try:
            metrics.counters.attach(slots.pop() if slots else _SHARED_SLOT)  # a new master (SIGUSR2) has no slot
        except Exception:  # Python ignores it, and this process would count in the row of its parent
            _log.exception("this process cannot count for the metrics")
            shutdown()
            os._exit(1)

    def in_parent() -> None:  # also where a worker could not be forked
        slots.clear()
        _release_signals()

    def pre_fork(arbiter: Any, worker: Worker) -> None:
        living = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = min(set(range(_SHARED_SLOT)) - living, default=_SHARED_SLOT)
        slots.append(worker.slot)
        worker.starts = metrics.counters.number(worker.slot, (WORKERS_STARTED,))
        # A new worker first has its master's handlers, which put a signal into a queue that nobody reads there. A worker told
        # to stop in that moment would not stop, and the master would wait for its whole graceful timeout.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_SIGNALS)

    def post_fork(arbiter: Any, worker: Worker) -> None:
        serving.attach(worker.slot)
        if service.decision_log is not None:
            service.decision_log.attach(worker.slot)
        if service.outcome_log is not None:
            service.outcome_log.attach(worker.slot)
        if service.sessions is not None:
            service.sessions.attach(worker.slot)
        worker.may_answer = service.may_answer
        service.show_initial_series()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        with suppress(OSError):
            _prefer_for_oom()
        keep_memory()

    def post_worker_init(worker: Worker) -> None:
        _release_signals()
        watchdog.start(service.concurrency_limit, metrics, worker)
        for listener in worker.sockets:
            _limit_sending(listener, settings.request_timeout_seconds)
        service.tracer.start()
        if service.reloader is not None:
            service.reloader.start()
        if service.decision_log is not None:
            service.decision_log.start()
        service.file_watcher.start(worker.slot)
        metrics.count(WORKERS_STARTED)

    def pre_request(worker: Worker, request: Any) -> None:
        if scores(request):
            metrics.count(IN_PROGRESS)
        # A connection is closed from here: gunicorn ignores an application's `Connection: close`. It reads the rest of a
        # body after the answer, and after badly framed chunks it would answer once more, to the next request.
        if isinstance(getattr(request.body, "reader", None), ChunkedReader) or service.drain_file.exists:
            request.force_close()

    def post_request(worker: Worker, request: Any, environ: Any, response: Any) -> None:
        if scores(request):  # its answer is sent to the last byte, or never will be
            metrics.count(IN_PROGRESS, amount=-1)

    def child_exit(arbiter: Arbiter, worker: Worker) -> None:
        metrics.worker_ended(worker.slot)
        serving.worker_states.ended(worker.slot)
        service.look_times.ended(worker.slot)
        if metrics.counters.number(worker.slot, (WORKERS_STARTED,)) == worker.starts:
            arbiter.worker_failed("start", "it ended before it was ready, see its lines in the log")

    def worker_exit(arbiter: Any, worker: Worker) -> None:
        service.tracer.stop()
        if service.decision_log is not None:
            service.decision_log.stop()

    hooks = (on_starting, pre_fork, post_fork, post_worker_init, pre_request, post_request, child_exit, worker_exit)
    log = logging.config(
        settings.log_level, settings.log_format, lambda: metrics.count("delivery_risk_log_lines_dropped_total")
    )
    given = configuration(settings) | {"logconfig_dict": log} | {hook.__name__: hook for hook in hooks}
    return given


def keep_memory() -> None:
    """Let glibc keep up to KEPT_BYTES of a batch for the next one, instead of fetching and clearing the same pages each time.

    They are kept in one arena. Python's lock separates the threads anyway; each arena would keep as much. What has LARGE_BYTES
    or more, such as a large body, is given back at once: it would leave gaps.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _give_back_memory() -> None:
    """Give the kernel the memory that only loading needed, before workers are forked with it."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Any:
    """The function of this name; None in other C libraries."""
    return getattr(ctypes.CDLL(None), name, None)


def _release_signals() -> None:
    """Unblock the signals that were held at the fork; those that waited are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_SIGNALS)


def _limit_sending(listener: socket.socket, seconds: int) -> None:
    """Have the kernel end the listener's connections whose clients acknowledge nothing for so long."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * seconds)


def _prefer_for_oom() -> None:
    """Where memory is short, let the kernel end this worker rather than the master, which replaces it."""
    _OOM_SCORE.write_text(str(min(1000, int(_OOM_SCORE.read_text()) + 100)))
