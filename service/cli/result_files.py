"""Files that are written: all of them complete, or none; gzipped where the name ends in .gz."""

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import click

from model import files
from schemas.files.table import ENDINGS
from service.cli.output import Output, write_errors
from service.offline.order_files import without_gz
from service.offline.text_files import text_writer


def is_stream(path: str) -> bool:
    """Whether the path is standard output, a pipe or a device such as /dev/null: it cannot be replaced as a file can."""
    return path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


def beside(out: str, name: str) -> str:
    """The path of a file beside a file of results, with its name up to the ending of a file of orders."""
    path = Path(without_gz(out))
    stem = path.stem if path.suffix.lower() in ENDINGS else path.name
    return str(path.with_name(f"{stem}.{name}"))


def require_distinct(orders: str, out: str, *others: str) -> None:
    """Raise UsageError unless results and the other outputs go to different files, none of them (by any link) the orders.

    None may be a directory. Devices such as /dev/null are the same only by their name.
    """
    read = _status(orders, sys.stdin)
    targets: list[object] = []
    for path in (out, *others):
        found, target = _status(path, sys.stdout), os.path.realpath(path)
        if found is None and not os.path.isdir(os.path.dirname(target)):
            raise click.UsageError(f"{path}: No such file or directory.")
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise click.UsageError(f"{path}: Is a directory.")
        if found is not None and read is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, found):
            raise click.UsageError(f"{path}: holds the orders and would be overwritten; give another FILE.")
        targets.append(target if found is None or stat.S_ISCHR(found.st_mode) else (found.st_dev, found.st_ino))
    if len(set(targets)) < len(targets):
        raise click.UsageError(f"{out}: rejected rows would go there too; give --rejects another FILE.")


def _status(path: str, stream: TextIO | None) -> os.stat_result | None:
    """The status of a file, or of the stream for "-"; None if there is none. Raises UsageError."""
    try:
        if path != "-":
            return os.stat(path)
        return None if stream is None else os.fstat(stream.fileno())
    except (FileNotFoundError, io.UnsupportedOperation):
        return None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None


class Outputs:
    """Opens files to write, which get their names together, in the order in which they were opened."""

    def __init__(self, streams: ExitStack) -> None:
        self.drafts: list[tuple[str, str, str]] = []
        self._streams = streams
        self._written: dict[str, tuple[TextIO, Output]] = {}

    def create(self, path: str) -> TextIO:
        """A new file that gets this name, or the stream of it. Raises WriteError and ReaderGone."""
        if path == "-":
            return self._text("standard output", path, sys.stdout.buffer)
        if is_stream(path):
            with write_errors(path):
                return self._text(path, path, self._streams.enter_context(open(path, "wb", buffering=0)))
        return self._text(path, path, self._draft(path))

    def create_binary(self, path: str) -> BinaryIO:
        """A new binary file that gets this name. Raises WriteError."""
        return cast(BinaryIO, Output(path, self._draft(path)))

    def _draft(self, path: str) -> BinaryIO:
        with write_errors(path):
            target = os.path.realpath(path)  # through a link, the file that it leads to
            draft, below = files.create_draft(os.path.dirname(target), f".{os.path.basename(target)}.")
            self.drafts.append((path, draft, target))
            os.fchmod(self._streams.enter_context(below).fileno(), files.permissions(target))
        return below

    def sha256(self, path: str) -> str:
        """The digest of the file that was opened by this path. Nothing more can be written to it."""
        text, below = self._written[path]
        text.close()
        return below.sha256()

    def _text(self, name: str, path: str, stream: BinaryIO) -> TextIO:
        """A text file on a binary one; gzipped by its name."""
        below = Output(name, stream)
        text = self._streams.enter_context(text_writer(cast(BinaryIO, below), gzipped=without_gz(name) != name))
        self._written[path] = text, below
        return text


@contextmanager
def open_outputs() -> Iterator[Outputs]:
    """Files to write. If the block succeeds every file is complete, else none is changed.

    Files get their names at the end: if that fails for one, those before it exist. A stream is written at once. Raises
    WriteError and ReaderGone.
    """
    with ExitStack() as streams:
        outputs = Outputs(streams)
        try:
            with streams:
                yield outputs
            for path, draft, target in outputs.drafts:
                with write_errors(path):
                    os.replace(draft, target)
        finally:
            for path, draft, _ in outputs.drafts:
                with write_errors(path):
                    Path(draft).unlink(missing_ok=True)
