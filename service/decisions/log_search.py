"""Log search: what a worker finds in the folder of its decision log, the newest files first, while its time lasts.

The time of a file is when it was last written, which a compressed one keeps. No record in it is newer.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from service.decisions.pace import OutOfTime, Paced, unbounded
from service.decisions.reading import NoLog, beginning, log_files

_AT = re.compile(rb'"at":"([0-9T:.Z+-]{10,40})"')

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of a log, with its bytes and when it was last written."""

    path: Path
    size: int
    written: datetime

    def begins(self) -> datetime | None:
        """When its first record was made; None if that cannot be read."""
        try:
            found = _AT.search(beginning(self.path))
            return None if found is None else datetime.fromisoformat(found[1].decode()).astimezone(UTC)
        except (NoLog, ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Searched:
    """So many files and bytes of all were searched. All records later than `since` were; None if all were without exception."""

    files: int
    all_files: int
    size: int
    all_size: int
    since: datetime | None


def newest_first(folder: str, kinds: Iterable[str], pace: Paced = unbounded) -> list[LogFile]:
    """The files of these kinds in a folder. Raises NoLog where it cannot be read, and OutOfTime."""
    found = []
    for path in (path for kind in kinds for path in log_files([folder], kind)):
        pace()
        for name in (path, Path(f"{path}.gz")):  # it may be compressed since the folder was read, or removed
            with suppress(OSError):
                stat = name.stat()
                found.append(LogFile(path, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC)))
                break
    return sorted(found, key=lambda file: file.written, reverse=True)


class LogSearch:
    """A search of these files, one after the other."""

    def __init__(self, files: Sequence[LogFile], pace: Paced) -> None:
        self._files, self._pace, self._complete = files, pace, 0

    def items(self, read: Callable[[Path, Paced], Iterator[T]]) -> Iterator[T]:
        """What `read` gives of each file, until the time ends."""
        with suppress(OutOfTime):
            for file in self._files:
                yield from read(file.path, self._pace)
                self._complete += 1

    @property
    def searched(self) -> Searched:
        """What has been searched by now."""
        sizes = [file.size for file in self._files]
        rest = self._files[self._complete :]
        since = max((file.written for file in rest), default=None)
        return Searched(self._complete, len(sizes), sum(sizes[: self._complete]), sum(sizes), since)
