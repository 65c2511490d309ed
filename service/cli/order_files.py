"""Files of orders that a command reads: the options that say how, and a file or standard input opened by its path."""

import codecs
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from model.core.manifest import Input
from schemas.files import encoding
from schemas.files.row import BadFile
from schemas.files.table import FILES
from service.cli.loading import plain
from service.offline.order_files import Given, Source, read_orders

_FILE, _FORMAT = click.Path(exists=True, dir_okay=False), click.Choice(list(FILES))
orders_option = partial(click.option, "--on", "orders", metavar="FILE", type=_FILE, help="Orders, CSV or JSON lines.")


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

    def notice(text: str) -> None:
        click.echo(f"{path}: {plain(text)}.", err=True)

    try:
        layout = given.layout(inputs, reserved, contexts, notice)
    except BadFile as error:  # of the options, in any file
        raise click.UsageError(f"{error}.") from None
    try:
        with open(path, "rb") if path != "-" else sys.stdin.buffer as stream:
            size = Path(path).stat().st_size if path != "-" else None
            with read_orders(path, stream, size, given, layout) as source:
                yield source
    except BadFile as error:
        raise click.UsageError(f"{path}: {plain(str(error))}.") from None
    except OSError as error:  # a write raises WriteError
        raise click.UsageError(f"{path}: {error.strerror}.") from None
