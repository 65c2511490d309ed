"""Files: read once, within a limit and without waiting; written completely or not at all."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter, FileIO
from pathlib import Path
from typing import Any

from model.errors import TooLarge, Unreadable

_SLICE = 2**20
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

NO_LINKS = os.O_NOFOLLOW | os.O_NONBLOCK
"""Flags of os.open: a link is an error, and a FIFO opens without waiting."""


class _Slices(FileIO):
    """A file that is read in many short calls: during a long one, no other thread may run on its processor."""

    def readinto(self, buffer: Any, /) -> int | None:
        return super().readinto(memoryview(buffer)[:_SLICE])


def read(path: Path | str, limit: int, location: str = "file") -> bytes:
    """All bytes of a regular file, or of one that a link points to. Raises Unreadable and TooLarge, with this `location`.

    A file that is not regular or is over `limit` bytes is not read. No more is read than the size of the file when opened.
    """
    try:
        # A FIFO opens without waiting for a writer.
        with BufferedReader(_Slices(path, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK))) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(location, "not a regular file")
            if status.st_size > limit:
                raise TooLarge(location, f"over {limit} bytes")
            data = file.read(status.st_size + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise Unreadable(location, f"cannot be read ({reason})") from error
    if len(data) != status.st_size:
        raise Unreadable(location, "changed while it was read")
    return data


def permissions(path: Path | str) -> int:
    """The permissions of the file at this path, or those that a new one gets. Raises OSError."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def open_shared(path: Path | str, flags: int = 0) -> int:
    """A handle to read and write this file, which is made if there is none. Raises OSError.

    All users may read a new file; those who may write its folder may write it. `flags` are further flags of os.open.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | NO_LINKS | flags)
    folder = os.stat(Path(path).parent)
    for owner, group in ((-1, folder.st_gid), (folder.st_uid, -1)):
        with suppress(PermissionError):  # made by root, the file belongs to the folder's owner
            os.fchown(handle, owner, group)
    os.fchmod(handle, 0o644 | folder.st_mode & 0o022)
    return handle


def flush_names(folder: Path | str) -> None:
    """Flush the names in this folder to disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_draft(folder: Path | str, prefix: str) -> tuple[str, FileIO]:
    """A new, empty file in the folder of what it will replace: its path and itself, unbuffered. Raises OSError.

    Its name starts with `prefix` and cannot be foreseen. No file or link that exists, of any process, is opened for it.
    """
    handle, path = tempfile.mkstemp(dir=folder, prefix=prefix)
    return path, open(handle, "wb", buffering=0)


@contextmanager
def draft(folder: Path | str, prefix: str, data: bytes, mode: int = 0o644) -> Iterator[str]:
    """The path of a new file with these bytes, flushed to disk, for the block to link or rename. Raises OSError.

    Its temporary name, which starts with `prefix`, is removed after the block, also after an error.
    """
    path, created = create_draft(folder, prefix)
    try:
        with BufferedWriter(created) as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield path
    finally:
        Path(path).unlink(missing_ok=True)


def give_name(draft: str, target: Path) -> None:
    """Give a draft its name in one step. Raises FileExistsError where the name is taken, and OSError.

    Where the file system has no hard links, the caller's lock must keep other processes from taking the name meanwhile.
    """
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.rename(draft, target)
