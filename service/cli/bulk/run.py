"""delivery-risk bulk run: score many files of orders into files of the same names."""

import re
from typing import TYPE_CHECKING

import click

from service import config
from service.cli.bulk.errors import errors
from service.cli.bulk.progress import Progress
from service.cli.loading import identity, load, load_settings, plain, warn_if_illustrative
from service.cli.order_files import reading_options
from service.offline.order_files import Given

if TYPE_CHECKING:
    from service.bulk.engines import Engine
    from service.bulk.run import Run

_ENGINES = ("processes", "dask")


def _shard(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value or "0/1", re.ASCII)
    number, of = map(int, found.groups()) if found else (1, 0)
    if number >= of:
        raise click.BadParameter("expected I/N, with I from 0 to N - 1")
    return number, of


@click.command()
@click.argument("orders", metavar="IN")
@click.argument("out", metavar="OUT")
@click.option("--model", "path", metavar="FILE", help=f"The model file, or a model registry. [{config.variable('model')}]")
@reading_options
@click.option("--jobs", type=click.IntRange(1, 256), default=1, metavar="N", help="Score N files at a time, each in a process.")
@click.option("--shard", metavar="I/N", callback=_shard, help="Score every Nth file, from I on: 0/4, 1/4, 2/4 and 3/4 are all.")
@click.option("--engine", type=click.Choice(_ENGINES), default="processes", show_default=True, help="What scores the files.")
@click.option("--scheduler", metavar="ADDRESS", help="With --engine dask: its scheduler. [a cluster of --jobs processes here]")
@click.option("--force", is_flag=True, help="Replace results of another model, policy or reading.")
def run(
    orders: str,
    out: str,
    path: str | None,
    given: Given,
    jobs: int,
    shard: tuple[int, int],
    engine: str,
    scheduler: str | None,
    force: bool,
) -> None:
    """Score the files of IN into files of the same names below OUT. A file is a part: its order ids must differ.

    IN is a folder, a file, or a pattern such as 'orders/day-*/**.parquet'; OUT is a folder. Both may be URLs of object stores,
    such as s3://bucket/orders. Files are Parquet, or CSV or JSON lines, gzipped or not, by their endings; with a folder, names
    that begin with _ or . are left out. Other columns are kept.

    Rejected rows go to OUT/_rejects, with their number and reason. OUT/_parts has a record of each part. Run again, also after
    a crash, the command skips parts that are complete. When all parts are, it writes OUT/_SUCCESS.json.

    Exits 0 if all files are scored, also where rows are rejected, 1 if files failed, 2 if the run cannot begin or go on.
    """
    settings = load_settings(model=path or None)
    model = load(settings.model, settings.model_sha256, click.UsageError)
    with errors():
        from service.bulk.run import Shard, begin
        from service.bulk.scoring import Scoring

        scoring = Scoring(model, settings.out_of_range, given)
        with begin(orders, out, scoring, _engine(engine, scheduler, jobs), Shard(*shard), force=force) as begun:
            failed = _score(begun)
            complete = begun.finish() is not None
    warn_if_illustrative(model)
    click.echo(f"Scored by {identity(model)}, out_of_range_policy {settings.out_of_range}.", err=True)
    click.echo(f"The set is {'complete: OUT has _SUCCESS.json' if complete else 'not complete'}.", err=True)
    click.get_current_context().exit(1 if failed else 0)


def _score(begun: "Run") -> int:
    """Score the files, and report them. Returns how many failed."""
    from service.bulk.part import Counts
    from service.bulk.work import Failed

    sizes = {file.name: file.size for file in begun.ours}
    progress, counts, skipped, failed = Progress(len(sizes), sum(sizes.values())), Counts(), 0, 0
    with progress:
        for outcome in begun.outcomes():
            if isinstance(outcome, Failed):
                failed += 1
                progress.interrupt()
                click.echo(plain(f"{outcome.name}: {outcome.reason}") + ".", err=True)
                progress.take(sizes[outcome.name], 0, skipped=True)
            else:
                skipped += outcome.skipped
                counts += outcome.part.counts
                progress.take(sizes[outcome.part.name], outcome.part.counts.rows, skipped=outcome.skipped)
    click.echo(
        f"{len(sizes)} of {len(begun.files)} files: {len(sizes) - skipped - failed} scored, {skipped} already scored, "
        f"{failed} failed; {counts.rows} rows: {counts.review} to review, "
        f"{counts.rows - counts.review - counts.rejected} to monitor, {counts.rejected} rejected.",
        err=True,
    )
    return failed


def _engine(name: str, scheduler: str | None, jobs: int) -> "Engine":
    if name == "processes":
        if scheduler is not None:
            raise click.UsageError("--scheduler needs --engine dask beside it.")
        from service.bulk.engines import processes

        return processes(jobs)
    from service.bulk.dask_engine import dask

    return dask(scheduler, jobs)
