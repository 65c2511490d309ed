"""Drafts: files that are not complete. A draft is locked while its process lives, so that no other process removes it."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from model import files


@contextmanager
def named(folder: str) -> Iterator[str]:
    """The path of a new file in the folder, which is made if there is none. It is removed after the block. Raises OSError."""
    path, locked = _created(folder)
    with locked:
        try:
            yield path
        finally:
            Path(path).unlink(missing_ok=True)


@contextmanager
def unnamed() -> Iterator[str]:
    """A path of a new file of this machine that ends with the block, or with the process however it ends. Raises OSError."""
    with tempfile.TemporaryFile(buffering=0) as file:
        yield f"/proc/self/fd/{file.fileno()}"


def remove_left(folder: str) -> None:
    """Remove the drafts of processes that have ended, and the folder if there are no others."""
    if not os.path.isdir(folder):
        return
    for path in Path(folder).iterdir():
        with suppress(OSError), open(path, "rb+", opener=_without_links) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    with suppress(OSError):
        os.rmdir(folder)


def _created(folder: str) -> tuple[str, FileIO]:
    while True:
        os.makedirs(folder, exist_ok=True)
        with suppress(FileNotFoundError):  # another process removed the folder, or the file before it was locked
            path, file = files.create_draft(folder, "draft.")
            with suppress(OSError):  # a file system without locks: drafts that are left stay
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                return path, file


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | files.NO_LINKS)
