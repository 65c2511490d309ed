"""Files of orders as the command line takes them: by ending, gzipped or not, or standard input."""

import gzip
import io
import os
import shutil
import stat
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import click

from schemas.files import csv, jsonl
from schemas.files.row import BadFile
from schemas.files.table import FILES
from service.cli.output import Output, failures

_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)
_GZIPPED = ".gz"
_LEVEL = 6  # gzip's own; at 9, Python's, results are hardly smaller, in three times the time
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of orders. `raw` is the file itself, whose position tells how far reading is in its `size`."""

    name: str
    format: str
    reader: csv.Reader | jsonl.Reader
    raw: Any
    size: int | None


@contextmanager
def opened(path: str, features: Sequence[str], given: str | None) -> Iterator[Source]:
    """Open a file, or standard input for "-", for a model with these features. Raises UsageError where that fails."""
    if path == "-" and sys.stdin is None:
        raise click.UsageError("standard input: closed.")
    try:
        with open(path, "rb") if path != "-" else sys.stdin.buffer as raw:
            content = io.BufferedReader(cast(io.RawIOBase, raw))
            if content.peek(2)[:2] == b"\x1f\x8b":
                content = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=content)))
            kind = given or _kind(path, content)
            text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
            name = "stdin" if path == "-" else Path(_unpacked(path)).stem
            size = Path(path).stat().st_size if path != "-" else None
            yield Source(name, kind, FILES[kind].reader(text, features), raw, size)
    except BadFile as error:
        raise click.UsageError(f"{path}: {error}.") from None
    except _BROKEN:
        raise click.UsageError(f"{path}: its compressed content is broken.") from None
    except OSError as error:  # of reading: what is written raises errors of its own
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def is_stream(path: str) -> bool:
    """Whether what is written there goes on from there: to standard output, a pipe or a device such as /dev/null."""
    return path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


def require_apart(orders: str, out: str, rejects: str | None) -> None:
    """Results and refused rows each have a place of their own: no directory, nor, by any link, where the orders are.

    A device such as /dev/null is the same only by its name: many streams may end in it. Raises UsageError.
    """
    read = _status(orders, sys.stdin)
    places: list[object] = []
    for path in [out] if rejects is None else [out, rejects]:
        found, place = _status(path, sys.stdout), os.path.realpath(path)
        if found is None and not os.path.isdir(os.path.dirname(place)):
            raise click.UsageError(f"{path}: No such file or directory.")
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise click.UsageError(f"{path}: Is a directory.")
        if found is not None and read is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, found):
            raise click.UsageError(f"{path}: the orders are there, and would be written over; give another FILE.")
        places.append(place if found is None or stat.S_ISCHR(found.st_mode) else (found.st_dev, found.st_ino))
    if len(set(places)) < len(places):
        raise click.UsageError(f"{out}: refused rows would go there too; give --rejects another FILE.")


def _status(path: str, stream: TextIO | None) -> os.stat_result | None:
    """What the system knows of a file, or for "-" of this stream; None where there is none."""
    try:
        if path != "-":
            return os.stat(path)
        return None if stream is None else os.fstat(stream.fileno())
    except (FileNotFoundError, io.UnsupportedOperation):
        return None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None


@contextmanager
def outputs() -> Iterator[Callable[[str], TextIO]]:
    """It gives what opens a file to be written. When the block ends well all are there, whole, else none, and what was stays.

    They are given their names last of all, in the order they were opened: where that fails for one, those before it are there.
    A stream is written as it comes. Raises Unwritten and Unread.
    """
    drafts: list[tuple[str, str, str]] = []
    try:
        with ExitStack() as streams:

            def create(path: str) -> TextIO:
                if path == "-":
                    return streams.enter_context(_text("standard output", sys.stdout.buffer))
                place, target = path, os.path.realpath(path)  # of a link, the file that it leads to
                if not is_stream(path):
                    folder, name = os.path.split(target)
                    place = os.path.join(folder, f".{name}.{os.getpid()}")
                    drafts.append((path, place, target))
                with failures(path):
                    below = streams.enter_context(open(place, "wb", buffering=0))
                    if place != path and os.path.exists(target):
                        shutil.copymode(target, place)
                return streams.enter_context(_text(path, below))

            yield create
        for path, place, target in drafts:
            with failures(path):
                os.replace(place, target)
    finally:
        for path, place, _ in drafts:
            with failures(path):
                Path(place).unlink(missing_ok=True)


def _text(name: str, below: BinaryIO) -> TextIO:
    """A text file in a binary one; gzipped where its name ends in .gz, and then the same bytes each time."""
    content = cast(BinaryIO, Output(name, below))
    if _unpacked(name) != name:
        content = cast(BinaryIO, gzip.GzipFile("", "wb", _LEVEL, content, mtime=0))
    return io.TextIOWrapper(content, "utf-8", "surrogateescape", newline="")


def _kind(path: str, content: "io.BufferedReader[Any]") -> str:
    if path == "-":
        return "jsonl" if content.peek(64).removeprefix(BOM_UTF8).lstrip()[:1] == b"{" else "csv"
    kind = _ENDINGS.get(Path(_unpacked(path)).suffix.lower())
    if kind is None:
        raise click.UsageError(f"{path}: its ending tells no format; give --format.")
    return kind


def _unpacked(path: str) -> str:
    """A path without the ending that says that it is gzipped."""
    return path[: -len(_GZIPPED)] if path.lower().endswith(_GZIPPED) else path
