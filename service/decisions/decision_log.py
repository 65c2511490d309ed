"""Decision log: a record of each answered batch, written before its answer is sent.

While a record cannot be written, the log fails: no request tries, and a thread proves a few times a second whether there is
room again. Another thread, which uses no file system, notices a write or a look that hangs; then the log fails too.
"""

import logging
import mmap
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from time import monotonic, sleep

from schemas.decision_record import About, dumps, record
from schemas.result import ScoredBatch
from service.config import Settings, SettingsError, variable
from service.decisions.compression import be_nice, compress_unused
from service.decisions.log_files import LogFiles
from service.decisions.reading import DECISIONS
from service.metrics.definitions import LOG_FAILING, LOG_FAILURES
from service.metrics.recorder import Metrics
from service.scoring.batch import Options
from service.scoring.service import NotRecorded
from service.telemetry.request_context import RequestContext
from service.version import VERSION

NOTICED_SECONDS, HANGS_SECONDS, EVERY = 0.05, 1.0, 0.1
SLOW_SECONDS, FAST_BYTES = 0.001, 250e6
"""A write is slow that takes SLOW_SECONDS, and a second for each FAST_BYTES."""

IN_THREADS_SECONDS = 5.0
"""How long the requests of all workers are answered in threads after a slow write of one."""

LEAST_ROOM = 2**16
SETTLE_SECONDS, COMPRESS_SECONDS = 1.0, 60.0

_log = logging.getLogger("delivery_risk.decisions")


def fault_of(folder: str) -> str | None:
    """Why a service cannot start with this folder; None if it can."""
    if not os.path.isdir(folder):
        return "the folder does not exist"
    return None if os.access(folder, os.W_OK | os.X_OK) else "the folder cannot be written"


class DecisionLog:
    """The decision log of one worker. Raises SettingsError where its folder does not exist, or cannot be written."""

    def __init__(self, folder: str, settings: Settings, metrics: Metrics) -> None:
        fault = fault_of(folder)
        if fault is not None:
            raise SettingsError({variable("decision_log"): fault})
        self._folder, self._omit, self._sync = folder, settings.decision_log_omit, settings.decision_log_sync
        self._policy, self._metrics = settings.decision_log_on_failure, metrics
        self._slow_until = memoryview(mmap.mmap(-1, 8)).cast("d")  # one number that forked workers share
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write the files of the worker of this slot from now on. Call it in a new worker."""
        self._files = LogFiles(self._folder, DECISIONS, slot, sync=self._sync == "request")
        self._numbers = count(1)
        self._changing = threading.Lock()
        self._fault: str | None = None
        self._room = LEAST_ROOM
        self._looking: float | None = None

    def start(self) -> None:
        """Watch, settle and compress the files in threads, from now on. Threads do not survive a fork."""
        for seconds, act in ((EVERY, self.watch), (SETTLE_SECONDS, self._settle), (COMPRESS_SECONDS, self._compress)):
            threading.Thread(target=_repeat, args=(seconds, act), name=f"decision log {act.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Put on the disk what a thread would have put there within a second."""
        if self._sync == "second" and self._fault is None:
            self._settle()

    @property
    def waits(self) -> bool:
        """Whether a write may take longer than others can wait for. While the log fails, nothing is written."""
        return self._fault is None and (self._sync == "request" or monotonic() < self._slow_until[0])

    @property
    def closed(self) -> str | None:
        """Why no batch is answered; None where any is."""
        return self._fault if self._policy == "refuse" else None

    def write(self, scored: ScoredBatch, options: Options, context: RequestContext) -> str | None:
        """Write the record of a batch that is about to be answered; its decision id, None where it is answered without one.

        Raises NotRecorded where it is not answered without one.
        """
        if self._fault is None:
            decision_id = f"{self._files.name}-{next(self._numbers)}"
            caller = context.notes.get("caller")
            about = About(datetime.now(UTC), decision_id, context.request_id, VERSION, caller, options.explain, options.changes)
            if self._append(dumps(record(scored, about, self._omit))):
                return decision_id
        self._metrics.count(LOG_FAILURES, self._policy)
        if self._policy == "refuse":
            raise NotRecorded
        return None

    def _append(self, line: bytes) -> bool:
        begin = monotonic()
        try:
            self._files.append(line)
        except OSError as error:
            self._failed(error, len(line))
            return False
        end = monotonic()
        if end - begin > SLOW_SECONDS + len(line) / FAST_BYTES:
            self._slow_until[0] = end + IN_THREADS_SECONDS
        return True

    def look(self) -> None:
        """Look at the folder once. If the log fails, here or in another worker, prove that it can be written. Never raises."""
        self._looking = monotonic()
        try:
            if self._fault is None and not self._metrics.total(LOG_FAILING):
                self._files.look()
            else:
                self._files.prove(self._room)
                self._recovered()
        except OSError as error:
            self._failed(error)
        finally:
            self._looking = None

    def watch(self) -> None:
        """Notice a write or a look that hangs."""
        begun = [since for since in (self._files.since, self._looking) if since is not None]
        seconds = monotonic() - min(begun, default=monotonic())
        if seconds > HANGS_SECONDS:
            self._failed(TimeoutError(0, "the file system does not answer"))
        elif seconds > NOTICED_SECONDS:
            self._slow_until[0] = monotonic() + IN_THREADS_SECONDS

    def _settle(self) -> None:
        try:
            self._files.settle(self._sync == "second")
        except OSError as error:
            self._failed(error)

    def _compress(self) -> None:
        be_nice()
        compress_unused(self._folder)

    def _failed(self, error: OSError, room: int = 0) -> None:
        with self._changing:
            begins, self._fault = self._fault is None, error.strerror or type(error).__name__
            self._room = max(self._room, room)
            if begins:
                self._metrics.count(LOG_FAILING)
                consequence = "answered 503" if self._policy == "refuse" else "answered without a decision_id"
                _log.error(f"the decision log cannot be written; batches are {consequence}", extra={"reason": self._fault})

    def _recovered(self) -> None:
        with self._changing:
            if self._fault is not None:
                self._fault, self._room = None, LEAST_ROOM
                self._metrics.count(LOG_FAILING, amount=-1)
                _log.info("the decision log can be written again")


def _repeat(seconds: float, act: Callable[[], None]) -> None:
    while True:
        act()
        sleep(seconds)
