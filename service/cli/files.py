"""Files of orders as the command line takes them: by ending, gzipped or not, or standard input."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import click

from schemas import lines, table
from schemas.formats import FILES
from schemas.rows import BadFile
from service.cli.output import Output

_BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of orders. `raw` is the file itself, whose position tells how far reading is in its `size`."""

    name: str
    format: str
    reader: table.Reader | lines.Reader
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
            name = Path(path).name.removesuffix(".gz").rpartition(".")[0] or "stdin"
            size = Path(path).stat().st_size if path != "-" else None
            yield Source(name, kind, FILES[kind].reader(_lines(path, text), features), raw, size)
    except BadFile as error:
        raise click.UsageError(f"{path}: {error}.") from None
    except _BROKEN:
        raise click.UsageError(f"{path}: its compressed content is broken.") from None


def _lines(path: str, text: TextIO) -> Iterator[str]:
    """What reading meets is said of this file: further out an OSError would be taken for one of the file that is written."""
    try:
        yield from text
    except _BROKEN:
        raise click.UsageError(f"{path}: its compressed content is broken.") from None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def is_stream(path: str) -> bool:
    """Whether what is written there goes on from there: to standard output, a pipe or a device such as /dev/null."""
    return path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


@contextmanager
def written(path: str) -> Iterator[TextIO]:
    """A file that is there, whole, when the block ends well, and stays as it was otherwise; a stream is written as it comes.

    Raises UsageError where it cannot be written.
    """
    if path == "-":
        with io.TextIOWrapper(
            cast(BinaryIO, Output("standard output", sys.stdout.buffer)), "utf-8", "surrogateescape", newline=""
        ) as stream:
            yield stream
        return
    target, goes_on = Path(path), is_stream(path)
    draft = target if goes_on else target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
        if not goes_on:
            os.replace(draft, target)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None
    finally:
        if not goes_on:
            draft.unlink(missing_ok=True)


def _kind(path: str, content: "io.BufferedReader[Any]") -> str:
    if path == "-":
        return "jsonl" if content.peek(64).lstrip()[:1] == b"{" else "csv"
    kind = _ENDINGS.get(Path(path.removesuffix(".gz")).suffix.lower())
    if kind is None:
        raise click.UsageError(f"{path}: its ending tells no format; give --format.")
    return kind
