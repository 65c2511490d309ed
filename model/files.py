"""Disk: files read once, within a limit and without waiting, written whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def draft(folder: Path | str, prefix: str, data: bytes) -> Iterator[str]:
    """The path of a new file with these bytes, safe on disk, to be given its name in the block.

    Its own name, which starts with `prefix`, is gone after the block, however that ends. Raises OSError.
    """
    handle, path = tempfile.mkstemp(dir=folder, prefix=prefix)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that might be a FIFO, which would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)
