"""The file for the rejected rows of a run, and those of an earlier run, which could be taken for them."""

import os
import re
from collections.abc import Callable

import click

from schemas.files.row import Writer
from service.offline.chunks import Rejected

_BEGINNINGS = {
    "csv": re.compile(r"refused_line(.)refused_reason(?:\1|\n)"),
    "jsonl": re.compile(r'\{"line": [0-9]+, "reason": ".*", "row": "'),
}


class RejectedRows:
    """The file for rejected rows, made for the first of them, and their `count`."""

    def __init__(self, path: str | None, create: Callable[[str], Writer]) -> None:
        self.count = 0
        self._path = path
        self._create = create
        self._writer: Writer | None = None

    def write(self, rejected: Rejected) -> None:
        """Write these rows. Raises UsageError if there is no file for them."""
        if not rejected:
            return
        if self._path is None:
            row, reason = rejected[0]
            advice = "give --rejects FILE for rejected rows, or --out FILE for the results"
            raise click.UsageError(f"line {row.line} is rejected, {reason}; {advice}.")
        if self._writer is None:
            self._writer = self._create(self._path)
        self._writer.rejects(rejected)
        self.count += len(rejected)


def remove_earlier(path: str, ending: str) -> None:
    """Remove rejected rows of an earlier run from this path. Any other file is kept."""
    try:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                ours = _BEGINNINGS[ending].match(file.readline())
            if ours:
                os.unlink(path)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None
