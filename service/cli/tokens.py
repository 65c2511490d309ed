"""delivery-risk token: make the tokens that callers show.

A token may also go into a file of its own, for a caller that reads it there, as Prometheus does its credentials_file. Such a
file holds the token and nothing else: the end of a line in it, which most editors add, would be sent as part of the token.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click

from service import config
from service.auth import tokens


@click.group()
def token() -> None:
    """Make the tokens that callers show."""


@token.command()
@click.argument("name")
@click.option("--scopes", default="score", show_default=True, type=click.Choice(tokens.SCOPES), help="What it is good for.")
@click.option("--token-to", "path", metavar="FILE", help="A new file for the token alone, which is then not shown.")
def new(name: str, scopes: str, path: str | None) -> None:
    """Make a token for the caller NAME.

    Its line for the tokens file goes to standard output, the token itself to standard error: it is shown this once, and
    kept nowhere. So `delivery-risk token new NAME >> FILE` puts the token in force. With --token-to the token goes into a file
    that only its owner can read instead; one that is there already is left as it is.
    """
    if not re.fullmatch(tokens.NAME, name):
        expected = "expected a letter or digit, then at most 63 letters, digits, '.', '_', '-'"
        raise click.BadParameter(expected, param_hint="NAME")
    made, line = tokens.new(name, scopes)
    said = f"The line is for the file that {config.variable('tokens_file')} names."
    with nullcontext() if path is None else _kept(path, made):
        click.echo(line)  # before the token is shown: one whose line is lost would be so for nothing
    shown = f"The token, shown this once:\n{made}" if path is None else f"The token is in {path}."
    click.echo(f"{said} {shown}", err=True)


@contextmanager
def _kept(path: str, text: str) -> Iterator[None]:
    """A new file with this text, which stays if the block ends well."""
    try:
        with open(path, "x", opener=_for_its_owner) as file:
            try:
                file.write(text)
                file.flush()
                yield
            except BaseException:
                os.unlink(path)
                raise
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written ({error.strerror})") from None


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
