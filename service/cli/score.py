"""delivery-risk score: a file of orders scored into a file, outside any server, by the same corridor."""

import heapq
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from model.core.risk_model import RiskModel
from model.errors import ModelError
from model.registry import loader
from schemas.files.row import RESERVED_NAMES, Row
from schemas.files.table import FILES
from schemas.result import Policy, Result
from service import config
from service.cli.model_errors import said
from service.cli.order_files import Source, is_stream, opened, outputs, require_apart
from service.offline import chunks

# How a file of refused rows begins, as the formats write it.
_REJECTS = {
    "csv": re.compile(r"refused_line,refused_reason[,\n]"),
    "jsonl": re.compile(r'\{"line": [0-9]+, "reason": ".*", "row": "'),
}


@click.command()
@click.argument("file", default="-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a store of versions. [{config.variable('model')}]")
@click.option("--out", default="-", metavar="FILE", help="Where results go, gzipped where it ends in .gz. [standard output]")
@click.option("--rejects", metavar="FILE", help="Where refused rows go. [NAME.rejects.FORMAT beside --out, else here]")
@click.option("--format", "given", type=click.Choice(list(FILES)), help="What FILE is, and the results too. [by its ending]")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N highest scores, ties by order id.")
@click.pass_context
def score(
    context: click.Context,
    file: str,
    path: str | None,
    out: str,
    rejects: str | None,
    given: str | None,
    top: int | None,
) -> None:
    """Score FILE, CSV or JSON lines, gzipped or not; "-" or nothing is standard input.

    Columns that the model does not know are carried through. Refused rows go to a file of their own, each with its line
    and the reason; where no row is refused, a file under its default name that an earlier run left is removed. Exits 0
    when every row was scored, 1 when some were refused, 2 when the file could not be scored or the results not be written.
    """
    require_apart(file, out, rejects)
    try:
        settings = config.load({**os.environ, **({config.variable("model"): path} if path else {})})
    except config.SettingsError as error:
        raise click.UsageError(str(error)) from None
    try:
        model = loader.load(settings.model, settings.model_sha256, reserved=RESERVED_NAMES)
    except ModelError as error:
        raise click.UsageError(said(settings.model, error)) from None
    counts: Counter[str] = Counter()
    with opened(file, model.manifest.feature_names, given) as source, outputs() as create:
        beside = Path() if is_stream(out) else Path(out).parent
        place = rejects or str(beside / f"{source.name}.rejects.{source.format}")
        require_apart(file, out, place)  # once more: only what is read tells the format, and that the rejects' name
        results = FILES[source.format].writer(create(out), source.reader.columns)
        results.begin(rejected=False)
        refusals = None
        kept: list[tuple[Row, Result]] = []
        for scored in _progress(model, source, settings.out_of_range, hidden=out == "-" and sys.stdout.isatty()):
            kept += scored.results
            if top is not None:
                kept = heapq.nsmallest(top, kept, key=_rank)
            else:
                results.results(kept)
                kept.clear()
            if scored.refusals and refusals is None:
                refusals = FILES[source.format].writer(create(place), source.reader.columns)
                refusals.begin(rejected=True)
            if refusals is not None:
                refusals.rejects(scored.refusals)
            counts.update(result.queue for _, result in scored.results)
            counts["refused"] += len(scored.refusals)
        results.results(kept)
    if rejects is None and not counts["refused"]:
        _remove(place, _REJECTS[source.format])
    made = f"sha256 {model.sha256}, threshold {model.manifest.threshold}, out_of_range_policy {settings.out_of_range}"
    version = f"{model.manifest.name} {model.manifest.version} ({made})"
    queues = f"{counts['review']} to review, {counts['monitor']} to monitor"
    refused = f"{counts['refused']} rows refused" + (f", see {place}" if counts["refused"] else "")
    click.echo(f"{counts['review'] + counts['monitor']} orders scored by {version}: {queues}; {refused}.", err=True)
    context.exit(1 if counts["refused"] else 0)


def _remove(path: str, beginning: re.Pattern[str]) -> None:
    """Take away what an earlier run refused, which would else be taken for what this one did; no other file of that name."""
    try:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                ours = beginning.match(file.readline())
            if ours:
                os.unlink(path)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def _progress(model: RiskModel, source: Source, policy: Policy, *, hidden: bool) -> Iterator[chunks.Scored]:
    hidden = hidden or source.size is None or not sys.stderr.isatty()
    with click.progressbar(length=source.size or 1, label="Scoring", file=sys.stderr, hidden=hidden) as bar:
        for scored in chunks.run(model, source.reader, policy):
            yield scored
            if not hidden:
                bar.update(source.raw.tell() - bar.pos)


def _rank(scored: tuple[Row, Result]) -> tuple[float, str]:
    return -scored[1].score, scored[1].order_id
