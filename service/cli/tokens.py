"""delivery-risk token: make the tokens that callers show."""

import re

import click

from service import auth, config


@click.group()
def token() -> None:
    """Make the tokens that callers show."""


@token.command()
@click.argument("name")
@click.option("--scopes", default="score", show_default=True, type=click.Choice(auth.SCOPES), help="What it is good for.")
def new(name: str, scopes: str) -> None:
    """Make a token for the caller NAME.

    Its line for the tokens file goes to standard output, the token itself to standard error: it is shown this once, and
    kept nowhere. So `delivery-risk token new NAME >> FILE` puts the token in force.
    """
    if not re.fullmatch(auth.NAME, name):
        expected = "expected a letter or digit, then at most 63 letters, digits, '.', '_', '-'"
        raise click.BadParameter(expected, param_hint="NAME")
    made, line = auth.new(name, scopes)
    click.echo(f"The line is for the file that {config.variable('tokens_file')} names. The token, shown this once:", err=True)
    click.echo(made, err=True)
    click.echo(line)
