"""delivery-risk model publish, promote, rollback, challenge, list: the versions in a model registry."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from model.errors import ModelError, NothingPromoted, VersionTaken
from model.registry import references, versions
from model.registry.references import VersionReference
from schemas.files.row import RESERVED_NAMES
from service.cli.loading import errors_of, identity, message, plain
from service.cli.output import ReaderGone, WriteError

_REGISTRY = click.Path(exists=True, file_okay=False)
_in = click.option("--in", "directory", required=True, metavar="DIR", type=_REGISTRY, help="The registry.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--to", "directory", required=True, metavar="DIR", type=_REGISTRY, help="The registry, a directory.")
def publish(file: str, directory: str) -> None:
    """Add the model in FILE to a registry, under its version. The current version stays current.

    The content of a version never changes.
    """
    with _errors_in(directory):
        try:
            published = versions.publish(file, directory, reserved=RESERVED_NAMES)
        except VersionTaken:
            raise  # an error of the registry
        except ModelError as error:
            raise click.ClickException(message(file, error)) from None
    _report(f"{directory}: holds {identity(published)}")


@click.command()
@click.argument("version")
@_in
def promote(version: str, directory: str) -> None:
    """Make VERSION the current one, if it is valid. If it is the challenger, its trial ends.

    A CURRENT.json that is invalid is kept as BROKEN.json and replaced.
    """
    with _errors_in(directory):
        current, broken = versions.promote(version, directory, reserved=RESERVED_NAMES)
    lost = "" if broken is None else f"; {broken}, so it is kept as {references.BROKEN} and there is nothing to roll back to"
    _report(f"{directory}: {_current(current)}{lost}")


@click.command()
@_in
def rollback(directory: str) -> None:
    """Make the version before the last promotion current again. Each run goes one promotion back."""
    with _errors_in(directory):
        current = versions.rollback(directory, reserved=RESERVED_NAMES)
    _report(f"{directory}: {_current(current)}")


@click.command()
@click.argument("version", required=False)
@click.option("--none", "ended", is_flag=True, help="End the trial.")
@_in
def challenge(version: str | None, ended: bool, directory: str) -> None:
    """Try VERSION as a challenger of the current one: it scores the same orders, and only metrics show its scores.

    It must take the same features. The trial ends with --none, or when VERSION becomes current.
    """
    if (version is None) != ended:
        raise click.UsageError("Give a VERSION, or --none.")
    with _errors_in(directory):
        versions.challenge(version, directory, reserved=RESERVED_NAMES)
    _report(f"{directory}: {version or 'nothing'} is tried beside the current version")


@click.command("list")
@_in
@click.pass_context
def list_(context: click.Context, directory: str) -> None:
    """List a registry's versions: "*" is current, "+" the challenger. Exits 1 if a version or a reference is invalid."""
    with _errors_in(directory):
        names = versions.list_versions(directory)
    valid = True
    marked: dict[str, tuple[str, VersionReference]] = {}
    for mark, reference_in in (("*", versions.current), ("+", versions.challenger)):
        try:
            if reference := reference_in(directory):
                marked.setdefault(reference.version, (mark, reference))
        except NothingPromoted:
            continue
        except ModelError as error:
            valid = False
            click.echo(f"Error: {message(directory, error)}", err=True)
    names += [version for version in marked if version not in names]
    width = max(map(len, names), default=0)
    for version in names:
        mark, at = marked.get(version, (" ", None))
        try:
            if at is None:
                found = versions.get(directory, version, reserved=RESERVED_NAMES)
            else:
                found = versions.load(directory, at, reserved=RESERVED_NAMES)
            line = f"{str(found.sha256)[:12]}  {found.manifest.created}"
        except ModelError as error:
            valid = False
            line = f"invalid: {plain(str(error))}"
        click.echo(f"{mark} {version:<{width}}  {line}")
    context.exit(0 if valid else 1)


COMMANDS = (publish, promote, rollback, challenge, list_)


@contextmanager
def _errors_in(directory: str) -> Iterator[None]:
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
