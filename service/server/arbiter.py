"""Arbiter: gunicorn's master, which goes on where a worker or a new master cannot be started.

gunicorn's own ends the service, healthy workers too, when one worker cannot be forked, has no file to show that it is alive, or
fails before it is ready. What a machine lacks, it mostly lacks for a moment: this master counts and logs the failure, waits and
tries again, for ever. Only a first start that fails ends the service, since a restart would not help either.
"""

import logging
import os
import random
import time
from typing import Any

from gunicorn import arbiter
from gunicorn.errors import HaltServer

from service.metrics.definitions import WORKERS_FAILED, WORKERS_STARTED
from service.metrics.recorder import Metrics
from service.server.worker import NoHeartbeat
from service.telemetry.logging import GREETING

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 5.0
_NO_EXIT_CODE = -1


class Arbiter(arbiter.Arbiter):  # type: ignore[misc]
    """The master of this service. `take_over` makes it of gunicorn's."""

    # gunicorn ends the service when a worker exits with one of these. Here `worker_failed` decides.
    WORKER_BOOT_ERROR = APP_LOAD_ERROR = _NO_EXIT_CODE

    _metrics: Metrics
    _stopping = False
    _started = 0.0  # workers, when one last failed
    _wait = FIRST_WAIT_SECONDS
    _next_try = 0.0

    @classmethod
    def take_over(cls, master: Any, metrics: Metrics) -> None:
        """Make gunicorn's arbiter one of this class. gunicorn has no setting for it, and its own command must have it too."""
        master.__class__ = cls
        master._metrics = metrics

    def spawn_workers(self) -> None:
        """Start the workers that are missing, until one cannot be started."""
        for _ in range(self.num_workers - len(self.WORKERS)):
            if self.spawn_worker() is None:
                return
            time.sleep(0.1 * random.random())  # noqa: S311

    def spawn_worker(self) -> int | None:
        """Start a worker and return its process id, or None where that fails or is not to be tried yet."""
        if time.monotonic() < self._next_try:
            return None
        try:
            pid: int = super().spawn_worker()
        except Exception as error:
            if os.getpid() != self.pid:  # in the worker
                raise
            if isinstance(error, NoHeartbeat):
                self.worker_failed("heartbeat", str(error))
            else:
                self.worker_failed("fork", f"its process cannot be forked ({error})")
            return None
        return pid

    def worker_failed(self, reason: str, found: str) -> None:
        """Count and log a worker that could not be started; the next one waits. Raises HaltServer at a first start."""
        if self._stopping:
            return
        self._metrics.count(WORKERS_FAILED, reason)
        started = self._metrics.total(WORKERS_STARTED)
        if not started and (reason == "start" or not self.WORKERS):
            raise HaltServer(f"no worker could be started: {found}", 1)
        self._wait = FIRST_WAIT_SECONDS if started > self._started else min(2 * self._wait, LONGEST_WAIT_SECONDS)
        self._started = started
        self._next_try = time.monotonic() + self._wait
        self.log.error("a worker could not be started: %s; the next try is in %.1f s", found, self._wait)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """The signals that have come, at the latest when a worker is to be tried again."""
        left = self._next_try - time.monotonic()
        signals: list[int] = super().wait_for_signals(min(timeout, left) if left > 0 else timeout)
        return signals

    def reexec(self) -> None:
        """Start a new master beside this one (SIGUSR2), or log that it could not be started."""
        try:
            super().reexec()
        except OSError as error:
            self.log.error("a new master could not be started: %s", error.strerror)
            if os.getpid() != self.pid:  # in the new master, which must not end the workers of this one
                logging.shutdown()
                os._exit(1)

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers; one that has not started does not matter any more."""
        self._stopping = True
        super().stop(graceful)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """Stop the service; a failure is one plain line on standard error, too."""
        if reason is not None:
            logging.getLogger(GREETING).error("delivery-risk: %s", reason)
        super().halt(reason, exit_status)
