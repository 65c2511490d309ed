"""delivery-risk model inspect: what a model file holds and, on orders, what its network does."""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from model.artifact import model_file
from model.core.manifest import NONE, NUMBER, Input, InputCounts
from model.core.risk_model import RiskModel
from model.errors import NotServable
from schemas.files.row import reserved_names
from schemas.names import listed
from service.cli.contribution_table import decimals
from service.cli.loading import errors_of, plain
from service.cli.model.model_file import how_compared, summary
from service.cli.order_files import open_orders, orders_option, reading_options
from service.offline.inspection import SATURATED, Inspection
from service.offline.order_files import Given


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@orders_option()
@reading_options
def inspect(file: str, orders: str | None, given: Given) -> None:
    """Print what FILE holds and, on orders, what its network does with them."""
    with errors_of(file):
        model = model_file.read(file)
    _print_model(model)
    if orders is not None:
        with errors_of(file):
            found = Inspection(model)
        with open_orders(orders, model.manifest.inputs, given) as source:
            found.read(source.reader)
        click.echo(f"\non {Path(orders).name}: {found.orders} orders, {found.rejected} rows rejected")
        if found.orders:
            _print_inspection(found)


def report_if_not_servable(model: RiskModel) -> None:
    """Print why the model cannot be served, if so."""
    try:
        model.require_risk(reserved=reserved_names)
    except NotServable as error:
        click.echo(f"not servable: {error.reason}")


def _print_model(model: RiskModel) -> None:
    manifest, network = model.manifest, model.network
    click.echo(f"{manifest.name} {manifest.version}, created {manifest.created}")
    click.echo(f"sha256      {model.sha256}")
    if manifest.description:
        click.echo(f"description {plain(manifest.description)}")
    click.echo(f"network     {'-'.join(map(str, network.sizes))}, {network.parameter_count} parameters")
    for number, layer in enumerate(network.layers, 1):
        click.echo(f"  w{number} {layer.weights.shape}  b{number} {layer.bias.shape}  {layer.activation}")
    click.echo(f"head        {manifest.head}, threshold {manifest.threshold}")
    click.echo(f"self-test   {len(manifest.self_test.orders)} orders, {how_compared(manifest)}")
    report_if_not_servable(model)
    if manifest.prepared:
        _print_inputs(manifest.inputs)
    _print_features(model)
    for each in manifest.context:
        click.echo(f"context     {each.name}: {plain(', '.join(each.values))}")
    if manifest.also_accepts:
        click.echo(f"accepts     {', '.join(manifest.also_accepts)}")
    for key, value in manifest.provenance.items():
        click.echo(f"provenance  {plain(key)}: {plain(value)}")
    if manifest.baseline is not None:
        click.echo(f"baseline    {summary(manifest.baseline)}")
        for row in manifest.baseline.calibration:
            rates = f"mean score {row.mean_score:.4f}, observed {row.observed_rate:.4f}"
            click.echo(f"  scores up to {row.to:<5} {row.orders:>8} orders, {rates}")
        for name, counts in manifest.baseline.inputs.items():
            click.echo(f"  {name}: {plain(_counted(counts))}")


def _print_inputs(inputs: Sequence[Input]) -> None:
    """A line for each input: what an order holds, and what replaces it where an order lacks it."""
    click.echo(f"inputs      {len(inputs)}: name, kind, range or values, unit")
    width = max(len(each.name) for each in inputs)
    for each in inputs:
        ends = ("" if end is None else repr(end) for end in (each.minimum, each.maximum))
        taken = " .. ".join(ends) if each.kind == NUMBER else ", ".join(each.values)
        missing = f"; missing: {each.missing}" if each.missing is not None else ""
        unknown = "; unknown: none" if each.unknown == NONE else ""
        click.echo(f"  {each.name:<{width}}  {each.kind:<8}  {plain(f'{taken} {each.unit}'.strip() + missing + unknown)}")


def _counted(counts: InputCounts) -> str:
    """The counts of an input in the baseline; of a category with many values, the first ones."""
    gaps = [f"{count} {gap}" for gap, count in (("missing", counts.missing), ("unknown", counts.unknown)) if count is not None]
    return listed([*gaps, *(f"{value} {count}" for value, count in counts.counts.items())])


def _print_features(model: RiskModel) -> None:
    """A line for each feature, its numbers unrounded: a rounded range would move its ends."""
    manifest, standardizer = model.manifest, model.standardizer
    click.echo(
        f"features    {len(manifest.features)}: name, mean, scale, range, unit{', made of' if manifest.prepared else ''}"
    )
    by_name = {each.name: each for each in manifest.inputs}
    inputs = [by_name[each.of] if each.is_input else Input(each.name) for each in manifest.features]
    ends = ([each.minimum for each in inputs], [each.maximum for each in inputs])
    columns = [
        ["" if number is None else repr(number) for number in column]
        for column in (standardizer.mean.tolist(), standardizer.scale.tolist(), *ends)
    ]
    width, *widths = (max(map(len, column)) for column in (manifest.feature_names, *columns))
    for each, of, *numbers in zip(manifest.features, inputs, *columns, strict=True):
        mean, scale, low, high = map(str.rjust, numbers, widths)
        made = "" if each.is_input else f"  {plain(each.made_of)}"
        click.echo(f"  {each.name:<{width}}  {mean}  {scale}  {low} .. {high}  {plain(of.unit)}{made}".rstrip())


def _print_inspection(found: Inspection) -> None:
    click.echo("z-range     feature, lowest and highest z-score, orders outside the training range")
    outside = dict(zip(found.model.manifest.input_names, found.out_of_range, strict=True))
    for each, low, high in zip(found.model.manifest.features, found.z_low, found.z_high, strict=True):
        click.echo(f"  {each.name:<32} {low:>10.3f} {high:>10.3f} {outside[each.of]:>10}")
    for number, active in enumerate(found.active, 1):
        click.echo(f"layer {number}     share of orders in which each unit is active")
        click.echo("  " + " ".join(f"{share:.1%}" for share in active / found.orders))
        never = ", ".join(map(str, np.flatnonzero(active == 0))) or "none"
        click.echo(f"  units never active: {never}")
    click.echo(f"saturated   {found.low} scores within {SATURATED} of 0, {found.high} of 1")
    click.echo(f"review      {found.review / found.orders:.2%} of orders at the threshold or over it")
    _print_contributions(found)


def _print_contributions(found: Inspection) -> None:
    """A line for each input, the greatest mean absolute contribution first; or why there are none."""
    if found.not_explained is not None:
        click.echo(f"explained   none: {found.not_explained}")
        return
    click.echo(f"explained   {found.explained} orders: input, mean absolute and mean contribution to the logit")
    if found.explained:
        names = found.model.manifest.input_names
        absolute, means = (decimals((sums / found.explained).tolist()) for sums in (found.absolute, found.contributions))
        width = max(map(len, names))
        for at in (-found.absolute).argsort(kind="stable").tolist():
            click.echo(f"  {names[at]:<{width}}  {absolute[at].removeprefix('+'):>13}  {means[at]:>13}")
