"""Log files: the files that one process appends its lines to, in the folder of the decision log.

    decisions-<boot>-<worker>-<n>.jsonl

`<boot>` is 16 random hexadecimal digits of the process, `<worker>` its slot, and `<n>` counts its files from 0. A file is made
once, by this process alone, and never gets another name. The process holds a lock on it until it is closed.
"""

import errno
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from service.decisions import file_lock

MOST_BYTES, MOST_SECONDS = 256 * 2**20, 3600.0
"""A file is closed before it gets larger, and when it is older."""

WAIT_SECONDS = 1.0
"""What a line waits for another one to end, at most."""


@dataclass(frozen=True, slots=True)
class _File:
    """An open file; it gets no line at `until` (monotonic) or later."""

    path: str
    descriptor: int
    until: float

    def is_removed(self) -> bool:
        return not os.fstat(self.descriptor).st_nlink

    def is_at_its_path(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.descriptor))
        except OSError:  # it is gone, or on a file system that is
            return False


class LogFiles:
    """Appends complete lines to files of this `kind`, from any thread. One thread must call `look`, and one `settle`.

    With `sync` each line is on the disk when `append` returns. `since` is when the call that uses the current file began
    (monotonic), None while none does.
    """

    def __init__(self, folder: str, kind: str, worker: int, *, sync: bool = False) -> None:
        self.name = f"{secrets.token_hex(8)}-{worker}"
        self.since: float | None = None
        self._folder, self._kind, self._sync = folder, kind, sync
        self._lock = threading.Lock()
        self._file: _File | None = None
        self._size = self._number = 0
        self._closing: list[_File] = []
        self._made = False

    def append(self, line: bytes) -> None:
        """Write the line, completely or not at all. Raises OSError, TimeoutError where another line hangs."""
        now = self._begin()
        try:
            file = self._file
            if file is None or now >= file.until or 0 < self._size > MOST_BYTES - len(line):
                file = self._next(now)
            self._add(file, line)
            if file.is_removed():
                file = self._next(now)
                self._add(file, line)
            if self._sync:
                os.fdatasync(file.descriptor)
        finally:
            self._end()

    def prove(self, room: int) -> None:
        """Put so many bytes on the disk, and remove them again: empty lines, which readers skip. Raises OSError."""
        now = self._begin()
        try:
            file = self._file
            if file is None or not file.is_at_its_path():
                file = self._next(now)
            self._write(file, b"\n" * room)
            try:
                os.fdatasync(file.descriptor)  # memory takes what a disk that fails does not
            finally:
                self._cut_back(file)
        finally:
            self._end()

    def look(self) -> None:
        """Close the current file if it is old or no longer at its path. Raises OSError where the folder cannot be written."""
        if os.statvfs(self._folder).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        file = self._file
        if file is None or (file.is_at_its_path() and monotonic() < file.until):
            return
        if self._lock.acquire(blocking=False):
            if self._file is file:
                self._close()
            self._lock.release()

    def settle(self, sync: bool) -> None:
        """Release the files that are closed; with `sync`, put on the disk what has been written. Raises OSError."""
        self._begin(used=False)
        try:
            closing, self._closing = self._closing, []
            descriptors = [file.descriptor for file in closing]
            if sync and self._file is not None:
                descriptors.append(os.dup(self._file.descriptor))
            made, self._made = self._made, self._made and not sync
        finally:
            self._end()
        try:
            for descriptor in descriptors if sync else ():
                os.fdatasync(descriptor)
            if sync and made:
                self._sync_folder()
        finally:
            for descriptor in descriptors:
                with suppress(OSError):
                    os.close(descriptor)

    def _begin(self, *, used: bool = True) -> float:
        """Use the files alone from now on, and the current file if it is `used`. Raises TimeoutError where another hangs."""
        while not self._lock.acquire(timeout=WAIT_SECONDS):
            since = self.since
            if since is not None and monotonic() - since >= WAIT_SECONDS:  # else others have ended meanwhile
                raise TimeoutError(errno.ETIMEDOUT, "a write does not end")
        now = monotonic()
        if used:
            self.since = now
        return now

    def _end(self) -> None:
        self.since = None
        self._lock.release()

    def _add(self, file: _File, line: bytes) -> None:
        self._write(file, line)
        self._size += len(line)

    def _write(self, file: _File, data: bytes) -> None:
        """Write at the end of the file, completely or not at all. Raises OSError."""
        try:
            written = os.write(file.descriptor, data)
            while written < len(data):  # the disk is full, and the next write says so
                written += os.write(file.descriptor, data[written:])
        except OSError:
            with suppress(OSError):
                self._cut_back(file)
            raise

    def _cut_back(self, file: _File) -> None:
        """Leave the lines that were added. Raises OSError."""
        try:
            os.ftruncate(file.descriptor, self._size)
        except OSError:
            self._close()  # its last line may be torn, so no line may follow
            raise

    def _next(self, now: float) -> _File:
        """Begin the next file. Raises OSError."""
        self._close()
        while True:
            path = f"{self._folder}/{self._kind}-{self.name}-{self._number}.jsonl"
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._number += 1
            try:
                file_lock.lock(descriptor)
            except BlockingIOError:  # another process took it for an unused one
                os.close(descriptor)
                continue
            except OSError:  # no file of this file system can be locked
                pass
            break
        self._file, self._size, self._made = _File(path, descriptor, now + MOST_SECONDS), 0, True
        if self._sync:
            self._sync_folder()
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._closing.append(self._file)
            self._file = None

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
