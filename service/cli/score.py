"""delivery-risk score: score a file of orders into a file, without a server."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import click

from model.core.risk_model import RiskModel
from model.errors import NotExplainable
from schemas.explanation import EXPLAIN, Explain
from schemas.files import csv, explanation_cells
from schemas.files.row import Writer, result_names
from schemas.names import listed
from schemas.result import made_by
from schemas.selection import Selection
from service import config
from service.cli.loading import load, load_settings, warn_if_illustrative
from service.cli.order_files import open_orders, reading_options
from service.cli.rejects import RejectedRows, remove_earlier
from service.cli.result_files import beside, is_stream, open_outputs, require_distinct
from service.offline.order_files import Given, Source
from service.offline.parts import Part, score_parts
from service.offline.pool import WorkerLost
from service.offline.results import AllResults, HighestResults, Results
from service.offline.selected_results import SelectedResults, TemporaryFileFailed
from service.scoring.batch import Options
from service.version import VERSION

_FULL = "the temporary file of --review-top failed: {}. No file is written; set TMPDIR to a folder with more room."
_PROVENANCE = ("model_name", "model_version", "model_sha256", "threshold")
_LOST = "a process of --jobs was killed or not started, perhaps for lack of memory. No file is written; give fewer."


@click.command()
@click.argument("file", default="-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a model registry. [{config.variable('model')}]")
@click.option("--out", default="-", metavar="FILE", help="The file for results, gzipped if it ends in .gz. [standard output]")
@click.option("--rejects", metavar="FILE", help="The file for rejected rows. [beside --out: OUT.rejects.csv or .jsonl]")
@reading_options
@click.option("--provenance", is_flag=True, help="Add columns with the name, version, SHA-256 and threshold of the model.")
@click.option("--manifest", is_flag=True, help="Write what made the results beside --out: OUT.manifest.json.")
@click.option("--safe-csv", is_flag=True, help="Put an apostrophe before text that a spreadsheet would take for a formula.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Score in N processes; the output is the same."
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N highest scores, ties by order id.")
@click.option(
    "--review-top",
    type=click.IntRange(min=1),
    metavar="N",
    help="The first N orders by rank go to review, all others to monitor.",
)
@click.option("--by", metavar="CONTEXT", help="With --review-top: N of each group with the same value in this column.")
@click.option("--explain", type=click.Choice(EXPLAIN), help="Explain the scores of the orders that go to review, or of all.")
@click.option("--changes", is_flag=True, help="With --explain: also what would change the queue.")
def score(
    file: str,
    path: str | None,
    out: str,
    rejects: str | None,
    given: Given,
    provenance: bool,
    manifest: bool,
    safe_csv: bool,
    jobs: int,
    top: int | None,
    review_top: int | None,
    by: str | None,
    explain: Explain | None,
    changes: bool,
) -> None:
    """Score FILE, CSV or JSON, gzipped or not; "-" or no FILE is standard input.

    Results have the format of FILE and keep columns that the model does not use. Rejected rows go to a file of their own,
    with line and reason; if no row is rejected, a file of its default name from an earlier run is removed. Without --out and
    --rejects the first rejected row ends the run. Exits 0 if every row is scored, 1 if rows are rejected, 2 if FILE cannot be
    scored or the results cannot be written. Interrupted, it removes partial output and exits with 130 (Ctrl-C), 143 (SIGTERM)
    or 141 (closed pipe).

    With --review-top the results are written once all orders are scored. It takes at most 200 bytes of memory an order, and a
    temporary file in TMPDIR with the text of the results.
    """
    if manifest and is_stream(out):
        raise click.UsageError("--manifest needs --out FILE, beside which it writes.")
    settings = load_settings(model=path or None)
    model = load(settings.model, settings.model_sha256, click.UsageError)
    options = Options(settings.out_of_range, review_top=review_top, by=by, explain=explain, changes=changes)
    _check_selection(model, top, review_top, by)
    identity, contexts = made_by(model, settings.out_of_range), [by] if by else []
    added = {name: identity[name] for name in _PROVENANCE} if provenance else {}
    names = result_names(model.manifest, selection=review_top is not None)
    explained = _explained(model, options)
    with (
        open_orders(file, model.manifest.inputs, given, (*names, *added, *explained), contexts) as source,
        open_outputs() as outputs,
    ):
        ending = source.format.ending
        rejects_file = rejects or (None if is_stream(out) else beside(out, f"rejects.{ending}"))
        manifest_file = beside(out, "manifest.json") if manifest else None
        require_distinct(file, out, *filter(None, (rejects_file, manifest_file)))
        if safe_csv and ending != "csv":
            raise click.UsageError(f"{file}: --safe-csv is for CSV; JSON has no cells.")
        new_writer: Callable[..., Writer] = partial(csv.Writer, safe=True) if safe_csv else source.format.writer
        writer = new_writer(outputs.create(out), source.reader, rejected=False, names=names, added=added, explained=explained)
        rejected = RejectedRows(rejects_file, lambda path: new_writer(outputs.create(path), source.reader, rejected=True))
        try:
            with (
                closing(_results(writer, options, top)) as results,
                closing(score_parts(model, source.reader, _of_chunk(options), results, jobs)) as parts,
            ):
                shown = _with_progress(parts, source, hidden=out == "-" and sys.stdout.isatty())
                counts, selection = _write(shown, results, rejected)
        except WorkerLost:
            raise click.UsageError(_LOST) from None
        except TemporaryFileFailed as error:
            raise click.UsageError(_FULL.format(error)) from None
        counts["lines"] = source.reader.lines
        if manifest_file is not None:
            written = {"out": out} | ({"rejects": str(rejects_file)} if rejected.count else {})
            made = identity | {"service_version": VERSION, "top": top}
            digests = {name: outputs.sha256(each) for name, each in written.items()}
            made |= {} if explain is None else {"explain": explain, "changes": changes}
            selected = {} if selection is None else {"selection": selection.account}
            content = made | selected | counts | {"sha256": {"file": source.raw.sha256()} | digests}
            outputs.create(manifest_file).write(json.dumps(content, indent=2) + "\n")
    if rejects is None and rejects_file is not None and not rejected.count:
        remove_earlier(rejects_file, ending)
    warn_if_illustrative(model)
    facts = {"sha256": model.sha256, "threshold": model.manifest.threshold, "out_of_range_policy": settings.out_of_range}
    facts |= {} if selection is None else selection.options
    click.echo(
        f"{counts['orders']} orders scored by {model.manifest.name} {model.manifest.version} "
        f"({', '.join(f'{name} {value}' for name, value in facts.items())}): "
        f"{counts['review']} to review, {counts['monitor']} to monitor; {rejected.count} rows rejected"
        f"{f', see {rejects_file}' if rejected.count else ''}; {counts['lines']} lines read.",
        err=True,
    )
    click.get_current_context().exit(1 if rejected.count else 0)


def _check_selection(model: RiskModel, top: int | None, review_top: int | None, by: str | None) -> None:
    """Raise UsageError unless these options go together and the model has the context."""
    known = model.manifest.context_names
    if top is not None and review_top is not None:
        raise click.UsageError("--top writes only N orders, --review-top all of them; give one of the two.")
    if by is not None and review_top is None:
        raise click.UsageError("--by needs --review-top beside it.")
    if by is not None and by not in known:
        raise click.UsageError(f"--by must name a context of the model; it has {listed(known) or 'none'}.")


def _explained(model: RiskModel, options: Options) -> list[str]:
    """The names that explanations add to the output. Raises UsageError where the model has none."""
    if options.explain is None:
        if options.changes:
            raise click.UsageError("--changes needs --explain beside it.")
        return []
    try:
        return explanation_cells.names(model.explainer.inputs, model.manifest.actionable_names if options.changes else None)
    except NotExplainable as error:
        raise click.UsageError(f"--explain: {error}.") from None


def _of_chunk(options: Options) -> Options:
    """How a part of the file is scored: which orders a selection takes is known at the end."""
    if options.review_top is None:
        return options
    return replace(options, review_top=None, by=None, explain=options.explain and "all")


def _results(writer: Writer, options: Options, top: int | None) -> Results:
    if options.review_top is not None:
        return SelectedResults(writer, options)
    return AllResults(writer) if top is None else HighestResults(writer, top)


def _write(parts: Iterator[Part], results: Results, rejected: RejectedRows) -> tuple[dict[str, int], Selection | None]:
    """Write the results and the rejected rows. Returns the counts of orders and of rejected rows, and the selection."""
    counts = Counter[str]()
    for part in parts:
        rejected.write(part.rejected)
        counts.update(part.counts)
        results.add(part.content)
    orders, selection = counts.total(), results.end()
    review = counts["review"] if selection is None else selection.reviews
    return {"orders": orders, "review": review, "monitor": orders - review, "rejected": rejected.count}, selection


def _with_progress(parts: Iterator[Part], source: Source, *, hidden: bool) -> Iterator[Part]:
    hidden = hidden or source.size is None or not sys.stderr.isatty()
    with click.progressbar(length=source.size or 1, label="Scoring", file=sys.stderr, hidden=hidden) as bar:
        for part in parts:
            yield part
            if not hidden:
                bar.update(source.raw.tell() - bar.pos)
