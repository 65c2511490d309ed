"""delivery-risk evaluate: scores are held against what happened."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from model import files
from model.core.risk_model import RiskModel
from service import config
from service.cli.evaluation_outputs import EvaluationOutputs, evaluation_outputs
from service.cli.loading import line_numbers, load, load_settings, plain, warn_if_illustrative
from service.cli.order_files import open_orders, pairs, reading_options
from service.cli.output import write_errors
from service.decisions.reading import DECISIONS, OUTCOMES, NoLog
from service.offline.evaluation import text
from service.offline.evaluation.evaluate import evaluate as evaluated
from service.offline.evaluation.exposition import exposition
from service.offline.evaluation.of_file import FileCounts, KnownColumns, of_file
from service.offline.evaluation.of_log import joined
from service.offline.evaluation.orders import EvaluatedOrders
from service.offline.evaluation.thresholds import BadGoal, Capacity, Cost, capacity, cost
from service.offline.order_files import Given

_DRAFT = ".evaluation-"


_where = pairs("expected COLUMN=VALUE, each column once")


@click.command()
@click.argument("file", metavar="FILE|LOG", type=click.Path(exists=True))
@click.option("--label", metavar="COLUMN", help="The column of FILE that says which orders were late: 1 or true.")
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a model registry. [{config.variable('model')}]")
@click.option("--day", metavar="COLUMN", help="The column with the day of each order. Without it there are no intervals.")
@click.option("--acted-on", metavar="COLUMN", help="The column that says which orders somebody acted on: 1 or true.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", callback=_where, help="Only rows with this text. Repeatable.")
@click.option("--group", "contexts", multiple=True, metavar="COLUMN", help="Evaluate each value of a column too. Repeatable.")
@click.option("--capacity", "reviews", metavar="N/day", help="Recommend the lowest threshold with so many reviews a day.")
@click.option("--by", metavar="COLUMN", help="With --capacity: so many reviews for each value of this column.")
@click.option("--cost", "costs", metavar="missed=A,review=B", help="Recommend the threshold with the least cost.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--prometheus", metavar="FILE", help="Also write gauges for the textfile collector of a node exporter.")
@evaluation_outputs
@reading_options
def evaluate(
    file: str,
    label: str | None,
    path: str | None,
    day: str | None,
    acted_on: str | None,
    where: dict[str, str],
    contexts: Sequence[str],
    reviews: str | None,
    by: str | None,
    costs: str | None,
    as_json: bool,
    prometheus: str | None,
    given: Given,
    outputs: EvaluationOutputs,
) -> None:
    """Compare scores with what happened: how well they rank, how well they are calibrated, and what each threshold means.

    FILE is CSV or JSON, gzipped or not; it is scored, and its column --label says what happened. LOG is the folder of a
    decision log with outcomes; the orders that this model decided count, each with its first decision. Intervals are 95 %,
    by a bootstrap of days. Exits 0 if FILE is evaluated, 1 if rows are rejected or have no usable label, which do not count,
    2 if it cannot be evaluated.
    """
    settings = load_settings(model=path or None)
    model = load(settings.model, settings.model_sha256, click.UsageError)
    goal = _goal(reviews, by, costs)
    if _is_log(file):
        if any((label, day, acted_on, where, contexts)):
            raise click.UsageError(f"{file}: a decision log; --label, --day, --acted-on, --where and --group are for FILE.")
        orders, notes, incomplete = *_of_log(file, model), False
    else:
        if label is None:
            raise click.UsageError("--label is missing: which column of FILE says which orders were late.")
        further = tuple(dict.fromkeys((*contexts, *([by] if by else []))))
        columns = KnownColumns(label, day, acted_on, where, further)
        with open_orders(file, model.manifest.inputs, given) as source:
            orders, counts = of_file(model, source.reader, settings.out_of_range, columns)
        notes, incomplete = _notes(counts), bool(counts.rejected or counts.unlabelled)
    if not len(orders):
        raise click.UsageError(f"{file}: holds no order with a score and a known outcome{_why(notes)}")
    try:
        found = evaluated(orders, model, Path(file).name, goal, notes)
    except BadGoal as error:
        raise click.UsageError(f"{error}.") from None
    warn_if_illustrative(model)
    if prometheus is not None:
        _replace(prometheus, exposition(found, time.time()))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        click.echo("\n".join(map(plain, text.lines(found))))
    outputs.write(found)
    click.get_current_context().exit(1 if incomplete else 0)


def _is_log(path: str) -> bool:
    return os.path.isdir(path) or os.path.basename(path).startswith((f"{DECISIONS}-", f"{OUTCOMES}-"))


def _of_log(path: str, model: RiskModel) -> tuple[EvaluatedOrders, list[str]]:
    """The orders of a log that this model decided, and notes on the others. Raises UsageError."""
    try:
        found = joined([path])
    except NoLog as error:
        raise click.UsageError(f"{error}.") from None
    notes = found.left_out.notes()
    ours = [at for at, each in enumerate(found.models) if each.sha256 == model.sha256]
    others = sorted(each.version for each in found.models if each.sha256 != model.sha256)
    if others:
        notes.append(f"Further orders were decided by {', '.join(others)}; --model names the model to evaluate.")
    if not ours:
        raise click.UsageError(f"{path}: holds no order with an outcome that this model decided{_why(notes)}")
    return found.of_model(ours[0]), notes


def _why(notes: Sequence[str]) -> str:
    return ": " + " ".join(notes) if notes else "."


def _goal(reviews: str | None, by: str | None, costs: str | None) -> Capacity | Cost | None:
    if reviews is not None and costs is not None:
        raise click.UsageError("Give --capacity or --cost: one of them recommends the threshold.")
    if by is not None and reviews is None:
        raise click.UsageError("--by needs --capacity beside it.")
    option = "--capacity" if reviews is not None else "--cost"
    try:
        if reviews is not None:
            return capacity(reviews, by)
        return None if costs is None else cost(costs)
    except BadGoal as error:
        raise click.UsageError(f"{option}: {error}.") from None


def _notes(counts: FileCounts) -> list[str]:
    notes = []
    if counts.rejected:
        notes.append(f"{counts.rejected} rows are rejected and do not count; `delivery-risk score` names them")
    if counts.unlabelled:
        lines = line_numbers(counts.unlabelled)
        notes.append(f"{len(counts.unlabelled)} orders have no usable label and do not count, on line {lines}")
    if counts.left_out:
        notes.append(f"--where leaves out {counts.left_out} orders")
    return notes


def _replace(path: str, content: bytes) -> None:
    """Write the file completely or not at all: its reader may come at any time. Raises WriteError."""
    target = Path(path)
    with write_errors(path), files.draft(target.parent, _DRAFT, content) as draft:
        os.chmod(draft, 0o644)  # the node exporter is another user
        os.replace(draft, target)
