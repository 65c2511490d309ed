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

NOTICE_SECONDS = 1.0

_log = getLogger("delivery_risk.lock")
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK


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
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            return os.open(path, os.O_RDWR | _FLAGS)
        except PermissionError:
            return os.open(path, os.O_RDONLY | _FLAGS)
    folder = os.stat(Path(path).parent)
    with suppress(PermissionError):  # made by root, the file belongs to the folder's owner
        os.fchown(handle, folder.st_uid, folder.st_gid)
    os.fchmod(handle, 0o644 | folder.st_mode & 0o022)
    return handle
