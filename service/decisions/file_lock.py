"""File lock: a process holds a lock on each log file that it writes to, so that others leave the file alone.

The kernel releases the lock where the process ends. On a file system without locks nobody takes a file for unused.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def lock(descriptor: int) -> None:
    """Lock an open file. Raises BlockingIOError where another process has it locked, OSError where it cannot be locked."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def unused(path: Path) -> Iterator[int]:
    """A file that no process writes to, open and locked. Raises OSError where one does, or where it does not exist."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # some network file systems lock only what can be written
    try:
        lock(descriptor)
        if not os.fstat(descriptor).st_nlink:
            raise FileNotFoundError(f"{path} was removed before it was locked")
        yield descriptor
    finally:
        os.close(descriptor)
