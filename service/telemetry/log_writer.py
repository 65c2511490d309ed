"""Log writer: nothing waits for a reader of the log.

The kernel takes a line at once where it can do so without waiting. All other lines are queued, and one thread of each process
writes them: to wake it for each line costs 6 % of a request of one order. Lines for which there is no room, and lines that
cannot be written, are dropped and counted. The log reports them as soon as there is room again.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

MOST_BYTES = 2**20
LAST_SECONDS = 1.0
"""Seconds that a process waits for its last lines to be written when it exits."""


class LogWriter(logging.Handler):
    """Writes to a file descriptor, which may be a pipe that nobody reads. `on_drop` is called for each line that is dropped."""

    def __init__(self, descriptor: int, on_drop: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._on_drop = on_drop
        self._process = 0
        self._adopt()

    def _adopt(self) -> None:
        """Begin anew in a forked process: it has no thread, the lock may be held for ever, queued lines are its parent's."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._queued = 0
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write or queue the line of this record, or drop it."""
        self._adopt()
        try:
            line = self._line(record)
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if self._dropped:
                line = self._line(_report(self._dropped)) + line
            fits = self._queued + len(line) <= MOST_BYTES
            if fits:
                self._dropped = 0
                rest = line if self._queued else line[_write_at_once(self._descriptor, line) :]
                if rest:
                    self._queue(rest)
        if not fits:
            self._drop()

    def _queue(self, line: bytes) -> None:
        self._queued += len(line)
        self._lines.append(line)
        self._start_thread()
        self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all lines are written, at most LAST_SECONDS. `logging.shutdown` calls it when the process exits."""
        self._adopt()
        with self._changed:
            if self._lines:
                self._start_thread()
            if self._thread is None:
                self._write_here()
            self._changed.wait_for(lambda: not self._queued, LAST_SECONDS)

    def close(self) -> None:
        """End the thread once all lines are written. A later line starts another one."""
        super().close()
        self._adopt()
        with self._changed:
            self._thread = None
            self._changed.notify_all()

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no thread can be started now; the next line tries again
                self._thread = None

    def _write_all(self) -> None:
        thread = threading.current_thread()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._thread is not thread)
                if not self._lines:
                    return
                line = self._lines.popleft()
            if not self._write(line):
                self._drop()
            with self._changed:
                self._queued -= len(line)
                self._changed.notify_all()

    def _write_here(self) -> None:
        """Write the queued lines without a thread, since none can be started, while there is room for them."""
        rest = b"".join(self._lines)
        with suppress(OSError):
            while rest and select.select((), (self._descriptor,), (), 0)[1]:
                rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
        self._lines.clear()
        self._queued = 0

    def _write(self, line: bytes) -> bool:
        """Whether the line could be written."""
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                select.select((), (self._descriptor,), ())
            except OSError:
                return False
        return True

    def _drop(self) -> None:
        with self._changed:
            self._dropped += 1
        self._on_drop()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")


def _write_at_once(descriptor: int, line: bytes) -> int:
    """How many bytes the kernel took without waiting: 0 where it would wait, or cannot tell, as for a file on a disk."""
    try:
        return os.pwritev(descriptor, (line,), -1, os.RWF_NOWAIT)
    # The last two: a C library without this call, as musl had until 1.2.5.
    except (OSError, AttributeError, NotImplementedError):
        return 0


def _report(dropped: int) -> logging.LogRecord:
    about = {"name": "delivery_risk.log", "levelno": logging.WARNING, "levelname": "WARNING", "dropped": dropped}
    return logging.makeLogRecord(about | {"msg": "log lines were dropped"})
