"""delivery-risk model import: a model file from a training script's arrays."""

from typing import Any

import click

from model.core.activations import HEADS
from model.importers import arrays
from service.cli.loading import errors_of
from service.cli.model.inspect import report_if_not_servable
from service.cli.model.model_file import now, out_option, write

_FILE = click.Path(exists=True, dir_okay=False)


@click.command("import")
@click.argument("source", type=_FILE)
@click.option("--name", required=True, help="The model's name.")
@click.option("--version", required=True, help="The version; its content never changes.")
@click.option("--threshold", required=True, type=float, help="The score from which an order goes to review.")
@click.option("--activations", default="relu", show_default=True, help="Of the hidden layers: one for all, or A,B,…")
@click.option(
    "--head", default="sigmoid", show_default=True, type=click.Choice(list(HEADS)), help="The function of the outputs."
)
@click.option("--card", type=_FILE, help="JSON with the features' ranges, units and descriptions.")
@click.option("--description", default="", help="What the model is.")
@click.option("--created", help="UTC time like 2026-11-20T00:00:00Z. [SOURCE_DATE_EPOCH, else now]")
@out_option
def import_(source: str, activations: str, card: str | None, created: str | None, out: str, **label: Any) -> None:
    """Make a model file from a training script's .npz: feature_names, mean, scale, w1, b1, w2, b2, …

    A feature without a range in the card is never out of range.
    """
    hidden = tuple(activations.split(","))
    with errors_of(None):
        model = arrays.training_arrays(source, arrays.Label(created=created or now(), activations=hidden, **label), card)
    write(model, out)
    bounded = sum(each.minimum is not None or each.maximum is not None for each in model.manifest.features)
    click.echo(f"{bounded} of {len(model.manifest.features)} features have a range")
    report_if_not_servable(model)
