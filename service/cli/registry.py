"""delivery-risk model publish, promote, rollback, list, diff: a store of versions, and what another model would change."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from model.core.risk_model import RiskModel
from model.errors import ModelError, NothingPromoted, VersionTaken
from model.registry import loader, references, versions
from model.registry.references import VersionReference
from schemas.files.row import RESERVED_NAMES
from service import config
from service.cli.model import order_format
from service.cli.model_errors import of, plain, said
from service.cli.order_files import opened
from service.cli.output import Unread, Unwritten
from service.offline.compare import Comparison, DifferentFeatures, compare

_FILE = click.Path(exists=True, dir_okay=False)
_MODEL = click.Path(exists=True)
_STORE = click.Path(exists=True, file_okay=False)
_in = click.option("--in", "directory", required=True, metavar="DIR", type=_STORE, help="The store.")


@click.command()
@click.argument("file", type=_FILE)
@click.option("--to", "directory", required=True, metavar="DIR", type=_STORE, help="The store, a directory.")
def publish(file: str, directory: str) -> None:
    """Add the model in FILE to a store, under its version. A version never changes its content; what is current stays so."""
    with _told(directory):
        try:
            published = versions.publish(file, directory, reserved=RESERVED_NAMES)
        except VersionTaken:
            raise  # said of the store, which has the version
        except ModelError as error:
            raise click.ClickException(said(file, error)) from None
    _tell(f"{directory}: holds {_named(published)}")


@click.command()
@click.argument("version")
@_in
def promote(version: str, directory: str) -> None:
    """Make VERSION the current one, if it is sound; a trial of it ends.

    A CURRENT.json that is broken is kept as BROKEN.json and begun anew.
    """
    with _told(directory):
        at, broken = versions.promote(version, directory, reserved=RESERVED_NAMES)
    lost = "" if broken is None else f"; {broken}, so it was kept as {references.BROKEN}, and there is nothing to roll back to"
    _tell(f"{directory}: {_current(at)}{lost}")


@click.command()
@_in
def rollback(directory: str) -> None:
    """Make current again what was so before the last promotion; once more, what was so before that."""
    with _told(directory):
        at = versions.rollback(directory, reserved=RESERVED_NAMES)
    _tell(f"{directory}: {_current(at)}")


@click.command()
@click.argument("version", required=False)
@click.option("--none", "ended", is_flag=True, help="End the trial.")
@_in
def challenge(version: str | None, ended: bool, directory: str) -> None:
    """Try VERSION, another than the current one, beside it: it scores the same orders, seen in metrics only.

    It takes the same features. The trial ends with --none, or when VERSION becomes current.
    """
    if (version is None) != ended:
        raise click.UsageError("Give a VERSION, or --none.")
    with _told(directory):
        versions.challenge(version, directory, reserved=RESERVED_NAMES)
    _tell(f"{directory}: {version or 'nothing'} is tried beside the current version")


@click.command("list")
@_in
@click.pass_context
def list_(context: click.Context, directory: str) -> None:
    """List a store's versions: "*" is current, "+" is tried beside it. Exits 1 when a version or a pointer is not sound."""
    with _told(directory):
        names = versions.list_versions(directory)
    faults: list[ModelError] = []
    pointers = {mark: _pointer(read, directory, faults) for mark, read in (("*", versions.current), ("+", versions.challenger))}
    for fault in faults:
        click.echo(f"Error: {said(directory, fault)}", err=True)
    marked = {at.version: (mark, at) for mark, at in reversed(pointers.items()) if at is not None}
    names += marked.keys() - names
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
            line = f"not sound: {plain(str(error))}"
            faults.append(error)
        click.echo(f"{mark} {version:<{width}}  {line}")
    context.exit(1 if faults else 0)


@click.command()
@click.argument("first", metavar="A", type=_MODEL)
@click.argument("second", metavar="B", type=_MODEL)
@click.option("--on", "orders", required=True, metavar="FILE", type=_FILE, help="Orders, CSV or JSON lines.")
@order_format
def diff(first: str, second: str, orders: str, given: str | None) -> None:
    """Tell what changes for these orders where model B is served instead of A: each a file, or a store's current version.

    Orders outside a model's range go where the setting DELIVERY_RISK_OUT_OF_RANGE sends them.
    """
    try:
        policy = config.load(os.environ).out_of_range
    except config.SettingsError as error:
        raise click.UsageError(str(error)) from None
    with of(first):
        before = loader.load(first, reserved=RESERVED_NAMES)
    with of(second):
        after = loader.load(second, reserved=RESERVED_NAMES)
    try:
        with opened(orders, before.manifest.feature_names, given) as source:
            found = compare(before, after, source.reader, policy)
    except DifferentFeatures as error:
        only = f"only A has {_listed(error.first)}, only B has {_listed(error.second)}"
        raise click.ClickException(f"{error}: {only}") from None
    click.echo(f"from        {_named(before)}\nto          {_named(after)}")
    _report(Path(orders).name, found)


def _pointer(
    read: Callable[[str], VersionReference | None], directory: str, faults: list[ModelError]
) -> VersionReference | None:
    try:
        return read(directory)
    except NothingPromoted:
        return None
    except ModelError as error:
        faults.append(error)
        return None


@contextmanager
def _told(directory: str) -> Iterator[None]:
    try:
        with of(directory):
            yield
    except OSError as error:
        raise click.ClickException(f"{directory}: {error.strerror}") from None


def _tell(done: str) -> None:
    """Say what was done: on standard error where standard output fails, and else to nobody.

    The store has been changed by then. An exit code that says otherwise would have a rollback made twice.
    """
    for err in (False, True):
        with suppress(Unread, Unwritten):
            click.echo(done, err=err)
            return


def _current(at: VersionReference) -> str:
    return f"{at.version} is current (sha256 {at.sha256})"


def _named(model: RiskModel) -> str:
    return f"{model.manifest.name} {model.manifest.version} (sha256 {model.sha256})"


def _listed(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"


def _report(name: str, found: Comparison) -> None:
    alone = f", {found.alone} scored by one model alone" if found.alone else ""
    click.echo(f"on {name}: {found.orders} orders, {found.refused} rows refused{alone}")
    directions = f"{found.to_review} from monitor to review, {found.to_monitor} from review to monitor"
    click.echo(f"queue       {found.to_review + found.to_monitor} orders change it: {directions}")
    where = "" if found.order_id is None else f", order {found.order_id!r}"
    click.echo(f"score       largest difference {found.difference}{where}")
