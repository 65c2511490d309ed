"""delivery-risk score: score a file of orders into a file, without a server."""

import heapq
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from model.core.risk_model import RiskModel
from schemas.files import csv
from schemas.files.row import Row
from schemas.files.table import FILES
from schemas.result import Policy, Result, results
from service import config
from service.cli.loading import load, load_settings
from service.cli.order_files import Source, format_option, open_orders
from service.cli.result_files import is_stream, open_outputs, require_distinct
from service.offline.chunks import ScoredChunk, score_chunks

# How a file of rejected rows begins.
_REJECTS = {
    "csv": re.compile(r"refused_line,refused_reason[,\n]"),
    "jsonl": re.compile(r'\{"line": [0-9]+, "reason": ".*", "row": "'),
}


@click.command()
@click.argument("file", default="-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a model registry. [{config.variable('model')}]")
@click.option("--out", default="-", metavar="FILE", help="The file for results, gzipped if it ends in .gz. [standard output]")
@click.option("--rejects", metavar="FILE", help="The file for rejected rows. [NAME.rejects.FORMAT beside --out, else here]")
@format_option
@click.option("--safe-csv", is_flag=True, help="Put an apostrophe before text that a spreadsheet would take for a formula.")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N highest scores, ties by order id.")
def score(
    file: str, path: str | None, out: str, rejects: str | None, given: str | None, safe_csv: bool, top: int | None
) -> None:
    """Score FILE, CSV or JSON lines, gzipped or not; "-" or no FILE is standard input.

    Results have the format of FILE and keep columns that the model does not use. Rejected rows go to a file of their own,
    with line and reason; if no row is rejected, a file of its default name from an earlier run is removed. Exits 0 if every
    row is scored, 1 if rows are rejected, 2 if FILE cannot be scored or the results cannot be written. Interrupted, it
    removes partial output and exits with 130 (Ctrl-C), 143 (SIGTERM) or 141 (closed pipe).
    """
    settings = load_settings(model=path or None)
    model = load(settings.model, settings.model_sha256, click.UsageError)
    counts: Counter[str] = Counter()
    with open_orders(file, model.manifest.feature_names, given) as source, open_outputs() as create:
        beside = Path() if is_stream(out) else Path(out).parent
        rejects_file = rejects or str(beside / f"{source.name}.rejects.{source.format}")
        require_distinct(file, out, rejects_file)
        if safe_csv and source.format != "csv":
            raise click.UsageError(f"{file}: --safe-csv is for CSV; JSON lines have no cells.")
        writer_of = partial(csv.Writer, safe=True) if safe_csv else FILES[source.format].writer
        columns = source.reader.columns
        writer, rejects_writer = writer_of(create(out), columns, rejected=False), None
        kept: list[tuple[Row, Result]] = []
        for chunk in _with_progress(model, source, settings.out_of_range, hidden=out == "-" and sys.stdout.isatty()):
            scored = list(zip(chunk.rows, results(chunk.scored), strict=True))
            kept += scored
            if top is not None:
                kept = heapq.nsmallest(top, kept, key=lambda scored: (-scored[1].score, scored[1].order_id))
            else:
                writer.results(kept)
                kept.clear()
            if chunk.rejected and rejects_writer is None:
                rejects_writer = writer_of(create(rejects_file), columns, rejected=True)
            if rejects_writer is not None:
                rejects_writer.rejects(chunk.rejected)
            counts.update(result.queue for _, result in scored)
            counts["rejected"] += len(chunk.rejected)
        writer.results(kept)
    if rejects is None and not counts["rejected"]:
        _remove(rejects_file, _REJECTS[source.format])
    policy = f"sha256 {model.sha256}, threshold {model.manifest.threshold}, out_of_range_policy {settings.out_of_range}"
    click.echo(
        f"{counts['review'] + counts['monitor']} orders scored by {model.manifest.name} {model.manifest.version} ({policy}): "
        f"{counts['review']} to review, {counts['monitor']} to monitor; {counts['rejected']} rows rejected"
        f"{f', see {rejects_file}' if counts['rejected'] else ''}.",
        err=True,
    )
    click.get_current_context().exit(1 if counts["rejected"] else 0)


def _remove(path: str, beginning: re.Pattern[str]) -> None:
    """Remove rejected rows of an earlier run, which could be taken for those of this one. Any other file is kept."""
    try:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                ours = beginning.match(file.readline())
            if ours:
                os.unlink(path)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}.") from None


def _with_progress(model: RiskModel, source: Source, policy: Policy, *, hidden: bool) -> Iterator[ScoredChunk]:
    hidden = hidden or source.size is None or not sys.stderr.isatty()
    with click.progressbar(length=source.size or 1, label="Scoring", file=sys.stderr, hidden=hidden) as bar:
        for chunk in score_chunks(model, source.reader, policy):
            yield chunk
            if not hidden:
                bar.update(source.raw.tell() - bar.pos)
