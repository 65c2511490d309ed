"""delivery-risk model diff: what differs between two models, and what would change if the other one were served."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import click

from model.artifact import model_file
from model.core.risk_model import RiskModel
from schemas.files import csv
from schemas.names import listed
from service.cli.loading import errors_of, identity, load, load_settings, plain
from service.cli.order_files import open_orders, orders_option, reading_options
from service.cli.result_files import open_outputs, require_distinct
from service.offline.compare import Change, compare
from service.offline.differences import COMPARED, Difference, differences, only
from service.offline.order_files import Given

_MODEL = click.Path(exists=True)


@click.command()
@click.argument("first", metavar="A", type=_MODEL)
@click.argument("second", metavar="B", type=_MODEL)
@orders_option()
@reading_options
@click.option("--out", metavar="FILE", help="A CSV file for the orders that change their queue, with both scores and queues.")
def diff(first: str, second: str, orders: str | None, given: Given, out: str | None) -> None:
    """Report what differs between the models A and B: files, or registries' current versions.

    With orders, report too what changes for them if B is served instead of A. The setting DELIVERY_RISK_OUT_OF_RANGE decides
    where orders outside a model's range go.
    """
    if orders is None:
        if out is not None:
            raise click.UsageError("--out needs orders; give --on FILE.")
        _report(_read(first), _read(second))
        return
    policy = load_settings().out_of_range
    before, after = load(first), load(second)
    names, others = before.manifest.input_names, after.manifest.input_names
    if set(names) != set(others):
        raise click.ClickException(f"the models do not take the same inputs: {only(names, others)}")
    if differing := set(before.manifest.takes) ^ set(after.manifest.takes):
        raise click.ClickException(
            f"the models do not take the same values of {listed(sorted({each[0] for each in differing}))}"
        )
    with open_orders(orders, before.manifest.inputs, given) as source, open_outputs() as outputs:
        changed = None if out is None else _writer(outputs.create, out, orders, first, second)
        found = compare(before, after, source.reader, policy, changed)
    alone = f", {found.alone} scored by one model alone" if found.alone else ""
    order = "" if found.order_id is None else f", order {found.order_id!r}"
    to_standard_output = out == "-"
    _report(before, after, err=to_standard_output)
    click.echo(
        f"on {Path(orders).name}: {found.orders} orders, {found.rejected} rows rejected{alone}\n"
        f"queue       {found.to_review + found.to_monitor} orders change it: "
        f"{found.to_review} from monitor to review, {found.to_monitor} from review to monitor\n"
        f"score       largest difference {found.difference}{order}",
        err=to_standard_output,
    )


def _read(path: str) -> RiskModel:
    """The model in this file, whether it can be served or not, or the current version of this registry."""
    if os.path.isdir(path):
        return load(path)
    with errors_of(path):
        return model_file.read(path)


def _report(before: RiskModel, after: RiskModel, *, err: bool = False) -> None:
    click.echo(f"from        {identity(before)}\nto          {identity(after)}", err=err)
    found = list(differences(before, after)) or [Difference("same", COMPARED)]
    for each in found:
        click.echo(f"{each.name:<11} {plain(each.text)}", err=err)


def _writer(create: Callable[[str], TextIO], out: str, orders: str, *models: str) -> Callable[[Iterable[Change]], object]:
    """A function that writes changes to a CSV file. Raises UsageError if it would replace a file that is read."""
    require_distinct(orders, out)
    if any(os.path.exists(out) and os.path.samefile(out, path) for path in models):
        raise click.UsageError(f"{out}: holds a model and would be overwritten; give another FILE.")
    rows = csv.file_writer(create(out))
    rows.writerow(Change._fields)
    write: Callable[[Iterable[Change]], object] = rows.writerows
    return write
