"""Files of orders that are read: CSV, JSON lines or a JSON array, gzipped or not, in any encoding, or standard input."""

import codecs
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import chain
from pathlib import Path
from typing import Any, cast

import click

from model.core.manifest import Input
from schemas.files import encoding
from schemas.files.row import BadFile, Layout, Reader
from schemas.files.table import ENDINGS, FILES, UNREADABLE, FileFormat, format_of
from service.cli.loading import plain

_GZIPPED = ".gz"
_BEGINNING = 4096

_FILE, _FORMAT = click.Path(exists=True, dir_okay=False), click.Choice(list(FILES))
orders_option = partial(click.option, "--on", "orders", metavar="FILE", type=_FILE, help="Orders, CSV or JSON lines.")


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say of a file of orders; None is recognised. `columns` has the file's names by those of the model."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    na: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of orders: its `reader`, the `writer` of its results and their `ending`.

    `raw` is the file itself: its position and its `size` (None: unknown) give the progress, its `sha256` what has been read.
    """

    format: FileFormat
    reader: Reader
    raw: "_Digested"
    size: int | None


class _Digested(io.RawIOBase):
    """A binary file whose bytes are digested as they are read."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._digest = hashlib.sha256()
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = int(self._stream.readinto1(buffer))
        self._digest.update(memoryview(buffer)[:count])
        self._position += count
        return count

    def tell(self) -> int:
        return self._position

    def sha256(self) -> str:
        """The digest of the whole file: what is left of it is read."""
        while self.read(2**20):
            pass
        return self._digest.hexdigest()


def _delimiter(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    found = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
    if found is not None and (len(found) != 1 or found.isalnum() or found in '"\r\n.-'):
        raise click.BadParameter("expected one character that is in no number or name, or the word tab")
    return found


def _encoding(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        if value is not None:
            "".encode(value)
            found = codecs.lookup(value).name
            return encoding.DEFAULT if found == "utf-8" else found
    except (LookupError, ValueError):
        raise click.BadParameter("expected an encoding that Python knows, such as utf-8, utf-16 or cp1252") from None
    return None


def pairs(expected: str) -> Callable[[click.Context, click.Parameter, Sequence[str]], dict[str, str]]:
    """The callback of an option NAME=TEXT that may be repeated; `expected` says what is."""

    def read(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str]:
        found = [value.partition("=") for value in values]
        if any(not equals for _, equals, _ in found) or len({name for name, _, _ in found}) < len(found):
            raise click.BadParameter(expected)
        return {name: text for name, _, text in found}

    return read


_renamed = pairs("expected INPUT=COLUMN, each input once")
_OPTIONS = (
    click.option("--format", type=_FORMAT, help="The format of the orders. [by the file's ending, then its beginning]"),
    click.option(
        "--encoding", metavar="NAME", callback=_encoding, help="The encoding of the orders. [by the file's beginning]"
    ),
    click.option("--delimiter", metavar="CHAR", callback=_delimiter, help="What separates cells in CSV. [by the header]"),
    click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark in CSV. [by the first rows]"),
    click.option("--na", default="", metavar="TEXT", help="A CSV cell with this text is an empty one, such as NA."),
    click.option(
        "--id", "order_id", metavar="COLUMN", help="The column of order ids; in JSON they may be integers. [order_id]"
    ),
    click.option(
        "--rename", multiple=True, metavar="INPUT=COLUMN", callback=_renamed, help="The column of an input. May be repeated."
    ),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a file of orders is read: the command gets them as one argument `given`."""

    @wraps(command)
    def packed(
        *args: Any,
        order_id: Any,
        rename: dict[str, str],
        format: Any,
        encoding: Any,
        delimiter: Any,
        decimal: Any,
        na: str,
        **more: Any,
    ) -> Any:
        columns = rename if order_id is None else rename | {"order_id": order_id}
        return command(*args, given=Given(format, encoding, delimiter, decimal, columns, na), **more)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


@contextmanager
def open_orders(
    path: str, inputs: Sequence[Input], given: Given, reserved: Sequence[str] = (), contexts: Sequence[str] = ()
) -> Iterator[Source]:
    """Open a file, or standard input for "-", for a model with these inputs. Raises UsageError, also while it is read.

    `reserved` are the names that the output adds, and `contexts` those of the model's contexts that are read.
    """
    if path == "-" and sys.stdin is None:
        raise click.UsageError("standard input: closed.")
    unknown = [name for name in given.columns if name not in ("order_id", *(each.name for each in inputs), *contexts)]
    if unknown:
        raise click.UsageError(f"--rename {unknown[0]}: the model has no such input.")

    def notice(text: str) -> None:
        click.echo(f"{path}: {plain(text)}.", err=True)

    layout = Layout(
        inputs,
        contexts,
        given.columns,
        "order_id" in given.columns,
        delimiter=given.delimiter,
        decimal=given.decimal,
        reserved=reserved,
        na=given.na,
        notice=notice,
    )
    try:
        with open(path, "rb") if path != "-" else sys.stdin.buffer as stream:
            raw = _Digested(stream)
            content = io.BufferedReader(cast(io.RawIOBase, raw))
            if content.peek(2)[:2] == b"\x1f\x8b":
                content = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=content)))
            format, pieces = _text(path, content, given, notice)
            _require_csv(path, format, given)
            size = Path(path).stat().st_size if path != "-" else None
            yield Source(format, format.reader(pieces, layout), raw, size)
    except BadFile as error:
        raise click.UsageError(f"{path}: {plain(str(error))}.") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: not all of it is {error.encoding}; give its --encoding.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise click.UsageError(f"{path}: its compressed content is broken.") from None
    except OSError as error:  # of reading: a write raises WriteError
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def _require_csv(path: str, format: FileFormat, given: Given) -> None:
    """Raise UsageError where an option for CSV is given and the file is JSON."""
    for option, value in (("--delimiter", given.delimiter), ("--decimal", given.decimal), ("--na", given.na)):
        if value and format.ending != "csv":
            raise click.UsageError(f"{path}: {option} is for CSV; JSON has no cells.")


def without_gz(path: str) -> str:
    """The path without the ending of a gzipped file."""
    return path[: -len(_GZIPPED)] if path.lower().endswith(_GZIPPED) else path


def _text(
    path: str, content: "io.BufferedReader[Any]", given: Given, notice: Callable[[str], None]
) -> tuple[FileFormat, Iterator[str]]:
    """The format of a file and its text, divided as the format's reader takes it. Raises BadFile."""
    beginning = content.peek(_BEGINNING)[:_BEGINNING]
    if not beginning:
        raise BadFile("the file is empty")
    for mark, what in UNREADABLE.items():
        if beginning.startswith(mark):
            raise BadFile(f"it is {what}")
    used = given.encoding or encoding.recognise(beginning)
    if given.encoding is None and used != encoding.DEFAULT:
        notice(f"recognised {used.upper()}; --encoding sets another")
    begins = beginning.decode(used, "ignore").lstrip("\ufeff")
    ending = Path(without_gz(path)).suffix.lower()
    name = given.format or format_of(ending, begins)
    if given.format is None and name != ENDINGS.get(ending, name):
        notice(f"recognised the format {name}; --format sets another")
    format = FILES[name]
    pieces = format.pieces(io.TextIOWrapper(content, used, "surrogateescape", newline=""))
    return format, chain([next(iter(pieces), "").lstrip("\ufeff")], pieces)
