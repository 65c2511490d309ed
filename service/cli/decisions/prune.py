"""delivery-risk decisions prune: remove old files of a decision log."""

import re
from contextlib import nullcontext
from pathlib import Path
from time import time
from typing import Any

import click

from service.decisions import file_lock
from service.decisions.reading import DECISIONS, GZIPPED, OUTCOMES, PLAIN, NoLog, log_files

_DAY = 86_400


class Age(click.ParamType[int]):
    """Seconds, from a number of days such as 400d."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        days = re.fullmatch(r"([0-9]{1,5})d", value)
        if days is None:
            self.fail("expected a number of days, such as 400d", param, ctx)
        return int(days[1]) * _DAY


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--older-than", "age", metavar="DAYS", type=Age(), required=True, help="Remove files of so many days: 400d.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
def prune(folder: str, age: int, dry_run: bool) -> None:
    """Remove the files of decisions and outcomes in DIR that were last written before so many days.

    A compressed file has the time at which the plain one was last written. A file that a process writes to is kept.
    """
    removed, size, oldest = 0, 0, time() - age
    try:
        for path in [path for kind in (DECISIONS, OUTCOMES) for path in log_files([folder], kind)]:
            found = _removed(path, oldest, dry_run)
            if found is not None:
                click.echo(path)
                removed, size = removed + 1, size + found
    except NoLog as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{removed} files {'would be ' * dry_run}removed, {size / 2**20:,.1f} MiB", err=True)


def _removed(path: Path, oldest: float, dry_run: bool) -> int | None:
    """The bytes of the file, which is removed; None if it is not old, or in use."""
    try:
        with file_lock.unused(path) if path.name.endswith(PLAIN) else nullcontext():
            found = path.stat()
            if found.st_mtime >= oldest:
                return None
            if not dry_run:
                if path.name.endswith(PLAIN):  # a partial compressed file would be read where the plain one is gone
                    path.with_name(path.name.removesuffix(PLAIN) + GZIPPED).unlink(missing_ok=True)
                path.unlink()
            return found.st_size
    except (BlockingIOError, FileNotFoundError):
        return None
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be removed ({error.strerror})") from None
