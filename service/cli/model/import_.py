"""delivery-risk model import: a model file from what a training script saved."""

from pathlib import Path
from typing import Any

import click

from model.core.activations import ACTIVATION_NAMES, HEADS
from model.core.manifest import NUMBER
from model.core.risk_model import RiskModel
from model.importers import arrays, comparison
from service.cli.loading import errors_of, plain
from service.cli.model.inspect import report_if_not_servable
from service.cli.model.model_file import how_compared, now, out_option, write
from service.cli.order_files import open_orders, reading_options
from service.offline import expected_scores
from service.offline.order_files import Given

_FILE = click.Path(exists=True, dir_okay=False)


@click.command("import")
@click.argument("source", type=_FILE)
@click.option("--name", required=True, help="The model's name.")
@click.option("--version", required=True, help="The version; its content never changes.")
@click.option("--threshold", required=True, type=float, help="The score from which an order goes to review.")
@click.option(
    "--activations",
    metavar="NAMES",
    help=f"Of the hidden layers: one for all, or A,B,… Names: {ACTIVATION_NAMES}. [those of an ONNX file, else relu]",
)
@click.option(
    "--head", type=click.Choice(list(HEADS)), help="The function of the outputs. [that of an ONNX file, else sigmoid]"
)
@click.option("--features", metavar="NAMES", help="NAME,NAME,… of the columns in their order, in place of those in the file.")
@click.option("--scaler", type=_FILE, help=".json or .npz with the features' mean and scale, for a file that has none.")
@click.option("--card", type=_FILE, help="JSON with the features' ranges, units and descriptions.")
@click.option("--preparation", type=_FILE, help="JSON with the inputs of an order, and how the features are made of them.")
@click.option("--check", type=_FILE, help="Orders with the scores that the training script gives them, CSV or JSON lines.")
@click.option("--expect", metavar="COLUMN", help="The column of --check that has the scores.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    metavar="NUMBER",
    default=comparison.TOLERANCE,
    show_default=True,
    help="By how much a score may differ; 1e-5 allows for scores computed in float32.",
)
@reading_options
@click.option("--description", default="", help="What the model is.")
@click.option("--created", help="UTC time like 2026-11-20T00:00:00Z. [SOURCE_DATE_EPOCH, else now]")
@out_option
def import_(
    source: str,
    activations: str | None,
    features: str | None,
    scaler: str | None,
    card: str | None,
    preparation: str | None,
    check: str | None,
    expect: str | None,
    tolerance: float,
    given: Given,
    created: str | None,
    out: str,
    **label: Any,
) -> None:
    """Make a model file from a training script's .npz (feature_names, mean, scale, w1, b1, w2, b2, …), .onnx or .safetensors.

    z = (x - mean) / scale, and a layer is x @ w.T + b: weights are (units, inputs), where scikit-learn and Keras have (inputs,
    units). Arrays check_x and check_scores, or --check with --expect, are orders and the script's own scores of them: the model
    must give the same, and keeps some of them as its self-test. A feature without a range in the card is never out of range.

    An ONNX file has its own activations, head and, if so, preparation. Where it has no names for its columns, give --features.
    A .safetensors file has the layers of a torch network, 0.weight, 0.bias, 2.weight, … Give --scaler, --features and
    --activations with it. Pickles and files of Keras are never read: see `delivery-risk model exporter`.

    With --preparation, orders have the inputs in it, and so have those of --check. check_x has features, with which the network
    alone is compared.
    """
    if (check is None) != (expect is None):
        raise click.UsageError("Give --check and --expect together.")
    if card is not None and preparation is not None:
        raise click.UsageError("Give --card or --preparation: with a preparation, the inputs have the ranges.")
    hidden = None if activations is None else tuple(activations.split(","))
    names = () if features is None else tuple(features.split(","))
    with errors_of(None):
        described = arrays.Label(created=created or now(), activations=hidden, features=names, **label)
        model = arrays.training_arrays(source, described, card, tolerance, preparation, scaler, _notice)
        if check is not None and expect is not None:
            model = _compared(model, check, expect, given, tolerance)
    write(model, out)
    numbers = [each for each in model.manifest.inputs if each.kind == NUMBER]
    bounded = sum(each.minimum is not None or each.maximum is not None for each in numbers)
    what = "numbers" if model.manifest.prepared else "features"
    arrays_too = ", or check_x and check_scores in the arrays" if preparation is None and not model.manifest.prepared else ""
    click.echo(f"{bounded} of {len(numbers)} {what} have a range")
    advice = "" if model.manifest.compared else f"; give --check{arrays_too}"
    click.echo(f"{how_compared(model.manifest)}{advice}")
    report_if_not_servable(model)


def _notice(text: str, warns: bool) -> None:
    click.echo(f"Warning: {plain(text)}" if warns else plain(text), err=warns)


def _compared(model: RiskModel, check: str, column: str, given: Given, tolerance: float) -> RiskModel:
    with open_orders(check, model.manifest.inputs, given) as source:
        expected = expected_scores.read(model, source.reader, column, check)
        sha256 = source.raw.sha256()
    return comparison.compared(model, expected, tolerance, check=Path(check).name, check_sha256=sha256)
