"""delivery-risk model publish, promote, rollback, challenge: changes of a model registry."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from model.errors import ModelError, VersionTaken
from model.registry import journal, references, versions
from model.registry.references import VersionReference
from schemas.files.row import reserved_names
from service.cli.loading import errors_of, identity, message
from service.cli.model.checked_promotion import ADay, checked, require_together
from service.cli.output import ReaderGone, WriteError
from service.offline.evaluation.thresholds import Capacity

_REGISTRY = click.Path(exists=True, file_okay=False)
in_option = click.option("--in", "directory", required=True, metavar="DIR", type=_REGISTRY, help="The registry.")


def _checked(context: click.Context, parameter: click.Parameter, why: str) -> str:
    try:
        checked: str = journal.message(why, "message")
    except ModelError as error:
        raise click.BadParameter(f"{error.reason}.") from None
    return checked


_message = click.option("--message", "why", default="", metavar="TEXT", callback=_checked, help="Why: for the journal.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--to", "directory", required=True, metavar="DIR", type=_REGISTRY, help="The registry, a directory.")
def publish(file: str, directory: str) -> None:
    """Add the model in FILE to a registry, under its version. The current version stays current.

    The content of a version never changes.
    """
    with errors_in(directory):
        try:
            published = versions.publish(file, directory, reserved=reserved_names)
        except VersionTaken:
            raise  # an error of the registry
        except ModelError as error:
            raise click.ClickException(message(file, error)) from None
    _report(f"{directory}: holds {identity(published)}")


@click.command()
@click.argument("version")
@in_option
@_message
@click.option(
    "--force",
    is_flag=True,
    help="Also promote the packaged model, or one made of it, over another model; and a version whose check failed.",
)
@click.option(
    "--check-on",
    "logs",
    multiple=True,
    metavar="LOG",
    type=click.Path(exists=True),
    help="First check it against the current version on this decision log with outcomes, a file or a folder. Repeatable.",
)
@click.option("--capacity", type=ADay(), help="With --check-on: how many orders people can review, such as 50/day.")
@click.option("--by", metavar="CONTEXT", help="With --capacity: for each value of this context.")
def promote(
    version: str,
    directory: str,
    why: str,
    force: bool,
    logs: tuple[str, ...],
    capacity: float | None,
    by: str | None,
) -> None:
    """Make VERSION the current one, if it is valid. If it is the challenger, its trial ends.

    With --check-on it must not be worse: exits 1 if its Brier score is surely higher or its reviews are over the capacity, 2 if
    there are too few outcomes. --force with --message promotes it all the same. The journal has the numbers.

    A CURRENT.json that is invalid is kept as BROKEN.json and replaced.
    """
    require_together(logs, capacity, by, why, force=force)
    limit = None if capacity is None else Capacity(capacity, by)
    with errors_in(directory):
        check = checked(version, directory, logs, limit, force=force) if logs else None
        current, broken = versions.promote(version, directory, reserved=reserved_names, message=why, force=force, check=check)
    lost = "" if broken is None else f"; {broken}, so it is kept as {references.BROKEN} and there is nothing to roll back to"
    _report(f"{directory}: {_current(current)}{lost}")


@click.command()
@in_option
@_message
def rollback(directory: str, why: str) -> None:
    """Make the version before the last promotion current again. Each run goes one promotion back."""
    with errors_in(directory):
        current = versions.rollback(directory, reserved=reserved_names, message=why)
    _report(f"{directory}: {_current(current)}")


@click.command()
@click.argument("version", required=False)
@click.option("--none", "ended", is_flag=True, help="End the trial.")
@in_option
@_message
def challenge(version: str | None, ended: bool, directory: str, why: str) -> None:
    """Try VERSION as a challenger of the current one: it scores the same orders, and only metrics show its scores.

    It must take the same features. The trial ends with --none, or when VERSION becomes current.
    """
    if (version is None) != ended:
        raise click.UsageError("Give a VERSION, or --none.")
    with errors_in(directory):
        versions.challenge(version, directory, reserved=reserved_names, message=why)
    _report(f"{directory}: {version or 'nothing'} is tried beside the current version")


COMMANDS = (publish, promote, rollback, challenge)


@contextmanager
def errors_in(directory: str) -> Iterator[None]:
    try:
        with errors_of(directory):
            yield
    except OSError as error:
        raise click.ClickException(f"{directory}: {error.strerror}") from None


def _report(done: str) -> None:
    """Print what was done; on standard error if standard output fails, and nowhere if both do.

    The registry has changed by then. Any exit code but 0 would make a script change it again.
    """
    for err in (False, True):
        with suppress(ReaderGone, WriteError):
            click.echo(done, err=err)
            return


def _current(reference: VersionReference) -> str:
    return f"{reference.version} is current (sha256 {reference.sha256})"
