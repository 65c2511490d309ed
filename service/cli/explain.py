"""delivery-risk explain: one order of a file, and why it has its score."""

from pathlib import Path

import click

from schemas.result import results
from service import config
from service.cli.account import Account
from service.cli.loading import errors_of, load, load_settings, warn_if_illustrative
from service.cli.order_files import open_orders, reading_options
from service.offline.one_order import OrderNotFound, find, score_row
from service.offline.order_files import Given
from service.scoring.batch import Options


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--order", "wanted", required=True, metavar="ID", help="The id of the order.")
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a model registry. [{config.variable('model')}]")
@reading_options
def explain(file: str, wanted: str, path: str | None, given: Given) -> None:
    """Print why one order of FILE has its score: what each input adds to the logit, and what would change the queue.

    FILE is CSV or JSON, gzipped or not; "-" is standard input. It is read until the first order with this id is found. A
    typical value is the mean of the training data, of a number that is a feature as it is. Exits 0 if the order is explained,
    1 if it is rejected, 2 if no order has the id, FILE cannot be read or the model has no exact explanations.
    """
    settings = load_settings(model=path or None)
    model = load(settings.model, settings.model_sha256, click.UsageError)
    with errors_of(settings.model, click.UsageError):
        _ = model.explainer
    options = Options(settings.out_of_range, explain="all", changes=True)
    with open_orders(file, model.manifest.inputs, given) as source:
        try:
            row = find(model.manifest.inputs, source.reader, wanted)
        except OrderNotFound as error:
            raise click.UsageError(f"{file}: no order has the id that --order gives{_rejected(error)}.") from None
        chunk = score_row(model, source.reader, row, options)
    warn_if_illustrative(model)
    for rejected, reason in chunk.rejected:
        click.echo(f"{file}: line {rejected.line} is rejected, {reason}.", err=True)
        click.get_current_context().exit(1)
    for result in results(chunk.scored):
        if result.explanation is not None:
            account = Account(model, settings.out_of_range, row, result, result.explanation)
            click.echo("\n".join(account.lines("standard input" if file == "-" else Path(file).name)))


def _rejected(error: OrderNotFound) -> str:
    """Which rows may have an id that could not be read."""
    if error.line is None:
        return ""
    return f"; rows that are rejected: {error.rejected}, the first on line {error.line}"
