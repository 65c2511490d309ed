"""The LOG arguments of commands that read decision logs."""

from collections.abc import Sequence
from pathlib import Path

import click

from service.cli.loading import plain
from service.decisions.reading import DECISIONS, NoLog, log_files

log_argument = click.argument("log", nargs=-1, required=True, type=click.Path())


def files_of(log: Sequence[str]) -> list[Path]:
    """The files of the decision logs at these paths. Raises UsageError where there are none."""
    try:
        files = log_files(log, DECISIONS)
    except NoLog as error:
        raise click.UsageError(f"{plain(error.path)}: {error.reason}.") from None
    if not files:
        raise click.UsageError(f"{', '.join(map(plain, log))}: no files of a decision log.")
    return files
