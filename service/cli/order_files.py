"""Files of orders that are read: CSV or JSON lines, by ending or content, gzipped or not, or standard input."""

import gzip
import io
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from schemas.files import csv, jsonl
from schemas.files.row import BadFile
from schemas.files.table import FILES

_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_GZIPPED = ".gz"

_FILE, _FORMAT = click.Path(exists=True, dir_okay=False), click.Choice(list(FILES))
orders_option = partial(click.option, "--on", "orders", metavar="FILE", type=_FILE, help="Orders, CSV or JSON lines.")
format_option = click.option("--format", "given", type=_FORMAT, help="The format of the orders. [by the file's ending]")


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of orders. `raw` is the file itself: its position and its `size` (None: unknown) give the progress."""

    name: str
    format: str
    reader: csv.Reader | jsonl.Reader
    raw: Any
    size: int | None


@contextmanager
def open_orders(path: str, features: Sequence[str], given: str | None) -> Iterator[Source]:
    """Open a file, or standard input for "-", for a model with these features. Raises UsageError, also while it is read."""
    if path == "-" and sys.stdin is None:
        raise click.UsageError("standard input: closed.")
    try:
        with open(path, "rb") if path != "-" else sys.stdin.buffer as raw:
            content = io.BufferedReader(cast(io.RawIOBase, raw))
            if content.peek(2)[:2] == b"\x1f\x8b":
                content = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=content)))
            kind = given or _format(path, content)
            text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
            name = "stdin" if path == "-" else Path(without_gz(path)).stem
            size = Path(path).stat().st_size if path != "-" else None
            yield Source(name, kind, FILES[kind].reader(text, features), raw, size)
    except BadFile as error:
        raise click.UsageError(f"{path}: {error}.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise click.UsageError(f"{path}: its compressed content is broken.") from None
    except OSError as error:  # of reading: a write raises WriteError
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def without_gz(path: str) -> str:
    """The path without the ending of a gzipped file."""
    return path[: -len(_GZIPPED)] if path.lower().endswith(_GZIPPED) else path


def _format(path: str, content: "io.BufferedReader[Any]") -> str:
    if path == "-":
        return "jsonl" if content.peek(64).removeprefix(BOM_UTF8).lstrip()[:1] == b"{" else "csv"
    kind = _ENDINGS.get(Path(without_gz(path)).suffix.lower())
    if kind is None:
        raise click.UsageError(f"{path}: its ending names no known format; give --format.")
    return kind
