"""delivery-risk token: create tokens for callers.

--token-to writes a file of the token alone, as Prometheus reads its credentials_file. The file has no line end: it would be
sent as part of the token.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click

from service import config
from service.auth import tokens, tokens_file


def _scopes(_: click.Context, __: click.Parameter, value: str) -> str:
    if tokens.scopes_of(value) is None:
        raise click.BadParameter(f"expected {tokens.SCOPES_HELP}")
    return value


@click.group()
def token() -> None:
    """Create tokens for callers."""


@token.command()
@click.argument("name")
@click.option(
    "--scopes",
    default="score",
    show_default=True,
    metavar="SCOPE,…",
    callback=_scopes,
    help=f"What the token permits: {tokens.SCOPES_HELP}.",
)
@click.option(
    "--in",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="The tokens file to add the line to, which is then not printed.",
)
@click.option("--token-to", "path", metavar="FILE", help="A new file for the token, which is then not printed.")
def new(name: str, scopes: str, file: str | None, path: str | None) -> None:
    """Create a token for the caller NAME.

    Its line for the tokens file goes to standard output, the token itself to standard error. The token is shown once and
    not stored, so `delivery-risk token new NAME --in FILE` puts it in force: the tokens file gets the line completely or
    is not changed, and an invalid one is not changed. `>> FILE` appends to the file in place, which a full disk can leave
    with half a line. With --token-to the token goes into a new file that only its owner can read; an existing file is not
    overwritten.
    """
    if not re.fullmatch(tokens.NAME, name):
        expected = "expected a letter or digit, then at most 63 letters, digits, '.', '_', '-'"
        raise click.BadParameter(expected, param_hint="NAME")
    made, line = tokens.new(name, scopes)
    with nullcontext() if path is None else _new_file(path, made):
        _put(line, file)  # before the token is shown: without its line a token is useless
    shown = f"The token, shown only once:\n{made}" if path is None else f"The token is in {path}."
    where = f"the file that {config.variable('tokens_file')} names"
    click.echo(f"Add the line to {where}. {shown}" if file is None else f"{file} has its line. {shown}", err=True)


def _put(line: str, file: str | None) -> None:
    """Print the line, or add it to the tokens file. Raises ClickException."""
    try:
        if file is None:
            click.echo(line)
        else:
            tokens_file.add(file, line)
    except tokens.BadTokens as error:
        raise click.ClickException(f"{file}: {error}; the file is not changed") from None
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be changed ({error.strerror})") from None


@contextmanager
def _new_file(path: str, text: str) -> Iterator[None]:
    """A new file with this text, removed if the block raises. Raises ClickException."""
    try:
        with open(path, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            try:
                file.write(text)
                file.flush()
                yield
            except BaseException:
                os.unlink(path)
                raise
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written ({error.strerror})") from None
