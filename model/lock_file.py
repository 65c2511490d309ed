"""Lock files: one process at a time does what a file guards; the kernel releases the lock if that process dies.

Any user who can enter the folder can take the lock, also where another user made its file: all users may read the file, and
those who may write the folder may write it, as some network file systems require of a lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging import getLogger
from pathlib import Path
from threading import Timer

from model import files

NOTICE_SECONDS = 1.0

_log = getLogger("delivery_risk.lock")


@contextmanager
def locked(path: Path | str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of this file, which is made if there is none, for the block. Raises OSError.

    Waiting for it for more than NOTICE_SECONDS is logged as a warning. Without `wait`, BlockingIOError if another has it.
    """
    handle = _open(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            notice = Timer(NOTICE_SECONDS, _log.warning, ("%s: locked by another process; waiting until that is done", path))
            notice.start()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            finally:
                notice.cancel()
        yield
    finally:
        os.close(handle)


def _open(path: Path | str) -> int:
    try:
        return files.open_shared(path)
    except PermissionError:
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDONLY | files.NO_LINKS)
        raise
