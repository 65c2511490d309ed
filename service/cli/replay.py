"""delivery-risk replay: decision logs, scored again and compared."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from model.core.arithmetic import ARITHMETIC
from service.cli.decisions.log_argument import files_of, log_argument
from service.cli.loading import plain
from service.decisions.blocks import Block, Item, blocks
from service.decisions.comparison import CLOSE
from service.decisions.model_files import ModelFiles
from service.decisions.reading import Line, NoLog
from service.decisions.replay import Replay
from service.decisions.replay_report import FieldDiffers, RecordDiffers, Report, Unread
from service.offline.pool import Pool, WorkerLost

_LOST = "a process of --jobs was killed or not started, perhaps for lack of memory; give fewer."


@click.command()
@log_argument
@click.option(
    "--models", "folder", required=True, metavar="DIR", help="A model registry, a folder of .npz files, or one such file."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Replay in N processes.")
def replay(log: Sequence[str], folder: str, jobs: int) -> None:
    """Score the orders of each LOG again, and compare all that their decision records say.

    LOG is a file of a decision log or its folder. The model of each record is found by its SHA-256. Logits, scores, queues,
    ranks, flags and explanations must have the same bits; for a model with tanh or gelu layers, numbers must agree to 1e-12.

    Exits 0 if everything is identical, 1 if a record differs, 2 if a line or a file cannot be read, a model is missing or a
    record lacks its values. A torn last line of a file is reported and is no failure. Nothing is written or counted.
    """
    files = files_of(log)
    try:
        models = ModelFiles(folder)
    except NoLog as error:
        raise click.UsageError(f"{plain(error.path)}: {error.reason}.") from None
    account = _Account()
    try:
        with closing(_replayed(Replay(models), files, jobs)) as found:
            for item, report in _with_progress(found, files):
                account.take(item, report)
    except WorkerLost:
        raise click.ClickException(_LOST) from None
    click.echo("\n".join(account.summary(len(files))))
    click.get_current_context().exit(account.exit_code)


def _replayed(replay: Replay, files: Sequence[Path], jobs: int) -> Generator[tuple[Item, Report | None], None, None]:
    tasks = ((item, item if isinstance(item, Block) else None) for item in blocks(files))
    if jobs == 1:
        yield from ((item, None if block is None else replay(block)) for item, block in tasks)
        return
    with Pool(jobs, replay) as pool:
        yield from pool.map(tasks)


def _with_progress(found: Iterator[tuple[Item, Report | None]], files: Sequence[Path]) -> Iterator[tuple[Item, Report | None]]:
    """The same, with a bar of the bytes of the files on standard error if that is a terminal."""
    sizes = {path: path.stat().st_size for path in files}
    with click.progressbar(
        length=sum(sizes.values()) or 1, label="Replaying", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for item, report in found:
            yield item, report
            if isinstance(item, Block):
                done = min(item.size, sizes[item.path])  # the text of a gzipped file is larger than the file
                sizes[item.path] -= done
                bar.update(done)


class _Account:
    """Prints what differs, and counts."""

    def __init__(self) -> None:
        self._total = Report()
        self._differing = self._unread = self._torn = 0

    @property
    def exit_code(self) -> int:
        return 2 if self._unread or self._total.not_replayed else 1 if self._differing else 0

    def take(self, item: Item, report: Report | None) -> None:
        """Print what was found in an item, and count it."""
        if isinstance(item, NoLog):
            self._unread += 1
            click.echo(f"{plain(item.path)}: {item.reason}")
        elif isinstance(item, Line):
            self._torn += 1
            click.echo(f"{plain(str(item))} is torn: it has no line end, and belongs to no answer")
        elif report is not None:
            self._total.add(report)
            self._differing += len(report.differing)
            self._unread += len(report.unread)
            found: list[RecordDiffers | Unread] = [*report.differing, *report.unread]
            for each in sorted(found, key=lambda each: each.number):
                what = _differs(each) if isinstance(each, RecordDiffers) else f"cannot be read: {each.reason}"
                click.echo(f"{plain(str(item.path))}: line {each.number}: {what}")

    def summary(self, files: int) -> Iterator[str]:
        """What was found in all files."""
        total = self._total
        for reason, (line, count) in total.not_replayed.items():
            yield f"{plain(reason)}: {count} records are not replayed, the first {plain(line)}"
        for number, count in sorted(total.arithmetic.items()):
            if number != ARITHMETIC:
                yield f"{count} records have arithmetic {number}; this version has {ARITHMETIC}"
        for model, exact in total.models.items():
            how = "by bits" if exact else f"to {CLOSE}, since it has tanh or gelu layers"
            yield plain(f"model {model.name} {model.version} (sha256 {model.sha256}): numbers are compared {how}")
        yield (
            f"{total.records} records of {total.orders} orders replayed, of {files} files: {self._differing} records differ; "
            f"{sum(count for _, count in total.not_replayed.values())} records are not replayed; "
            f"{self._unread} lines or files cannot be read; {self._torn} torn last lines."
        )


def _differs(record: RecordDiffers) -> str:
    return plain(f"decision {record.decision_id} differs: {'; '.join(map(_field, record.fields))}")


def _field(field: FieldDiffers) -> str:
    further = field.orders - len(field.named)
    orders = ", ".join(field.named) + (f" and {further} more" if further else "")
    return f"{field.field} of {orders}" if field.named else field.field
