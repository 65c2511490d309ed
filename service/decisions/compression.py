"""Compression: log files that no process writes to any more become gzip files, beside the work of the service.

The compressed file is complete and on the disk before the plain one is removed. A partial one, of a process that was killed, is
made anew. A file that cannot be compressed now stays plain until the next time.
"""

import gzip
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from service.decisions import file_lock
from service.decisions.reading import DECISIONS, GZIPPED, OUTCOMES, PLAIN, NoLog, log_files

LEVEL = 1
"""Level 6 takes half as long again, level 9 three times as long, for files of nine tenths of the size."""

_CHUNK = 2**18
_LOWEST = 19


def be_nice() -> None:
    """Give this thread the lowest priority."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)


def compress_unused(folder: str) -> None:
    """Compress the files in the folder that no process writes to, those of processes that are gone too. Never raises."""
    for kind in (DECISIONS, OUTCOMES):
        with suppress(NoLog):
            for path in log_files([folder], kind):
                if path.name.endswith(PLAIN):
                    with suppress(OSError):
                        _compress(path)


def _compress(path: Path) -> None:
    compressed = path.with_name(path.name.removesuffix(PLAIN) + GZIPPED)
    with file_lock.unused(path) as descriptor:
        compressed.unlink(missing_ok=True)
        found = os.fstat(descriptor)
        if found.st_size:
            try:
                _write(compressed, descriptor, (found.st_atime_ns, found.st_mtime_ns))
            except OSError:
                compressed.unlink(missing_ok=True)
                raise
        path.unlink()


def _write(compressed: Path, descriptor: int, times: tuple[int, int]) -> None:
    made = os.open(compressed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(made, "wb") as out, open(descriptor, "rb", closefd=False) as plain:
        with gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as packed:
            shutil.copyfileobj(plain, packed, _CHUNK)
        out.flush()
        os.utime(out.fileno(), ns=times)
        os.fsync(out.fileno())
    folder = os.open(compressed.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
