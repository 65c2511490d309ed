"""Disk: the bytes of a file, which is opened once and never waited for."""

import os
import stat
from pathlib import Path

from model.errors import TooLarge, Unreadable


def read(path: Path | str, limit: int, place: str = "file") -> bytes:
    """All bytes of a regular file, or of one that a link leads to. Raises Unreadable and TooLarge, which name `place`.

    What is no regular file or over the limit is not read; no more is read than the file held when it was opened.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(place, "not a regular file")
            if status.st_size > limit:
                raise TooLarge(place, f"over {limit} bytes")
            data = file.read(status.st_size + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise Unreadable(place, f"cannot be read ({reason})") from error
    if len(data) != status.st_size:
        raise Unreadable(place, "changed while it was read")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that might be a FIFO, which would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)
