"""delivery-risk model: make model files, check them, and look into them."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from model import packaged
from model.artifact import model_file
from model.artifact.checks import TIME
from model.core.activations import HEADS
from model.core.baseline import Baseline
from model.core.risk_model import RiskModel
from model.errors import ModelError, NotServable
from model.importers import arrays
from model.registry import loader
from schemas.files.row import RESERVED_NAMES
from schemas.files.table import FILES
from schemas.validation import BatchValidator
from service.cli.model_errors import of, plain
from service.cli.order_files import opened
from service.offline import chunks
from service.offline.inspection import SATURATED, Diagnosis, diagnose

_FILE = click.Path(exists=True, dir_okay=False)
order_format = click.option("--format", "given", type=click.Choice(list(FILES)), help="What the orders are. [by their ending]")
_LAST = 253_402_300_799  # the last second of the year 9999


class _Group(click.Group):
    """Says a ModelError plainly, whichever command meets it."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ModelError as error:
            raise click.ClickException(plain(str(error))) from None


@click.group(cls=_Group)
def model() -> None:
    """Make, check and read model files."""


@model.command("import")
@click.argument("source", type=_FILE)
@click.option("--name", required=True, help="The model's name.")
@click.option("--version", required=True, help="The version; a version never changes its content.")
@click.option("--threshold", required=True, type=float, help="The score from which an order goes to review.")
@click.option("--activations", default="relu", show_default=True, help="Of the hidden layers: one for all, or A,B,… one each.")
@click.option("--head", default="sigmoid", show_default=True, type=click.Choice(list(HEADS)), help="What makes logits scores.")
@click.option("--card", type=_FILE, help="JSON with the features' ranges, units and descriptions.")
@click.option("--description", default="", help="What the model is.")
@click.option("--created", help="UTC time like 2026-11-20T00:00:00Z. [SOURCE_DATE_EPOCH, else now]")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The model file to write.")
def import_(
    source: str,
    name: str,
    version: str,
    threshold: float,
    activations: str,
    head: str,
    card: str | None,
    description: str,
    created: str | None,
    out: str,
) -> None:
    """Make a model file of a training script's .npz: feature_names, mean, scale, w1, b1, w2, b2, …

    A feature without a range in the card is never out of range.
    """
    hidden = tuple(activations.split(","))
    label = arrays.Label(name, version, threshold, created or now(), description, hidden, head)
    made = arrays.training_arrays(source, label, card)
    write(made, out)
    bounded = sum(each.minimum is not None or each.maximum is not None for each in made.manifest.features)
    click.echo(f"{bounded} of {len(made.manifest.features)} features have a range")
    _tell_unservable(made)


@model.command("default")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The model file to write.")
def default_(out: str) -> None:
    """Write the default model: the same bytes as the file in the package."""
    write(packaged.packaged_model(), out)


@model.command()
@click.argument("file", type=click.Path(exists=True))
@click.option("--sha256", help="The digest that the file must have.")
def validate(file: str, sha256: str | None) -> None:
    """Check that FILE is sound, reproduces its self-test and can be served. Exits 1 where it is not.

    FILE may be a store of versions: its current version is checked, with the pointer to it.
    """
    with of(file):
        found = loader.load(file, sha256 and sha256.lower(), reserved=RESERVED_NAMES)
    click.echo(f"{file}: {found.manifest.name} {found.manifest.version} is sound (sha256 {found.sha256})")


@model.command()
@click.argument("file", type=_FILE)
@click.option("--on", "orders", type=_FILE, help="Orders, CSV or JSON lines, to run through the network.")
@order_format
def inspect(file: str, orders: str | None, given: str | None) -> None:
    """Print what FILE holds and, on orders, what its inside does with them."""
    with of(file):
        found = model_file.read(file)
    _describe(found)
    if orders is not None:
        with of(file):
            found.require_risk(reserved=RESERVED_NAMES)
        _diagnose(found, orders, given)


def now() -> str:
    """When a model file is made: SOURCE_DATE_EPOCH, else the present time. Raises UsageError where that is no time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC).strftime(TIME)
    if not re.fullmatch("[0-9]{1,15}", epoch) or int(epoch) > _LAST:
        raise click.UsageError("SOURCE_DATE_EPOCH: expected whole seconds since 1970")
    return datetime.fromtimestamp(int(epoch), UTC).strftime(TIME)


def write(made: RiskModel, out: str) -> None:
    """Write a model file and tell of it."""
    try:
        written = model_file.write(made, out)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written ({error.strerror})") from None
    click.echo(f"{out}: {written.manifest.name} {written.manifest.version} (sha256 {written.sha256})")


def described(reference: Baseline) -> str:
    """A reference in a few words."""
    late = sum(round(row.observed_rate * row.orders) for row in reference.calibration)
    observed = f", {late / reference.orders:.2%} late" if reference.calibration else ", not calibrated"
    return f"{reference.orders} orders, {reference.review / reference.orders:.2%} to review{observed}"


def _describe(found: RiskModel) -> None:
    manifest, network = found.manifest, found.network
    click.echo(f"{manifest.name} {manifest.version}, created {manifest.created}")
    click.echo(f"sha256      {found.sha256}")
    if manifest.description:
        click.echo(f"description {plain(manifest.description)}")
    click.echo(f"network     {'-'.join(map(str, network.sizes))}, {network.parameter_count} parameters")
    for number, layer in enumerate(network.layers, 1):
        click.echo(f"  w{number} {layer.weights.shape}  b{number} {layer.bias.shape}  {layer.activation}")
    click.echo(f"head        {manifest.head}, threshold {manifest.threshold}")
    _tell_unservable(found)
    _describe_features(found)
    for key, value in manifest.provenance.items():
        click.echo(f"provenance  {plain(key)}: {plain(value)}")
    if manifest.baseline is not None:
        click.echo(f"reference   {described(manifest.baseline)}")
        for row in manifest.baseline.calibration:
            rates = f"mean score {row.mean_score:.4f}, observed {row.observed_rate:.4f}"
            click.echo(f"  scores up to {row.to:<5} {row.orders:>8} orders, {rates}")


def _describe_features(found: RiskModel) -> None:
    """A line a feature, every number as it is: rounded, an order at the end of a range would seem to be outside of it."""
    click.echo(f"features    {len(found.manifest.features)}: name, mean, scale, range, unit")
    numbers = zip(found.standardizer.mean.tolist(), found.standardizer.scale.tolist(), strict=True)
    rows = [
        (each.name, repr(mean), repr(scale), _bound(each.minimum), _bound(each.maximum), plain(each.unit))
        for each, (mean, scale) in zip(found.manifest.features, numbers, strict=True)
    ]
    name, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        mean, scale, low, high = (text.rjust(width) for text, width in zip(row[1:5], widths, strict=False))
        click.echo(f"  {row[0]:<{name}}  {mean}  {scale}  {low} .. {high}  {row[5]}".rstrip())


def _bound(bound: float | None) -> str:
    return "" if bound is None else repr(bound)


def _tell_unservable(found: RiskModel) -> None:
    try:
        found.require_risk(reserved=RESERVED_NAMES)
    except NotServable as error:
        click.echo(f"not servable: {error.reason}")


def _diagnose(found: RiskModel, orders: str, given: str | None) -> None:
    validator = BatchValidator(found.manifest.feature_names, chunks.CHUNK)
    refused = 0
    total: Diagnosis | None = None
    with opened(orders, found.manifest.feature_names, given) as source:
        for chunk in chunks.decode(validator, source.reader):
            refused += len(chunk.unread) + len(chunk.read) - len(chunk.decoded.batch)
            if len(chunk.decoded.batch):
                seen = diagnose(found, chunk.decoded.batch.matrix)
                total = seen if total is None else total.plus(seen)
    click.echo(f"\non {Path(orders).name}: {total.orders if total else 0} orders, {refused} rows refused")
    if total is not None:
        _report(found, total)


def _report(found: RiskModel, total: Diagnosis) -> None:
    click.echo("z-range     feature, lowest and highest z-score, orders outside the training range")
    rows = zip(found.manifest.feature_names, total.z_low, total.z_high, total.out_of_range, strict=True)
    for name, low, high, outside in rows:
        click.echo(f"  {name:<32} {low:>10.3f} {high:>10.3f} {outside:>10}")
    for number, active in enumerate(total.active, 1):
        click.echo(f"layer {number}     share of orders in which each unit is active")
        click.echo("  " + " ".join(f"{share:.1%}" for share in active / total.orders))
        never = ", ".join(map(str, np.flatnonzero(active == 0))) or "none"
        click.echo(f"  units never active: {never}")
    click.echo(f"saturated   {total.low} scores within {SATURATED} of 0, {total.high} of 1")
    click.echo(f"review      {total.review / total.orders:.2%} of orders at the threshold or over it")
