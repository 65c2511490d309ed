"""delivery-risk outcomes: put what happened to orders into the decision log, from a file."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from model.core.manifest import CATEGORY, NONE, Input
from schemas.faults import CODES
from schemas.files.row import Row
from schemas.outcome import InvalidOutcomes, Outcomes, dumps, load, record
from service import config
from service.cli.loading import load_settings
from service.cli.order_files import open_orders, reading_options
from service.decisions.log_files import LogFiles
from service.decisions.reading import OUTCOMES
from service.offline.order_files import Given, Source

_COLUMNS = (
    Input("late", kind=CATEGORY, values=("true", "false")),
    Input("at", kind=CATEGORY, values=("2026-11-30T05:00:00Z",)),
    Input("acted_on", kind=CATEGORY, unknown=NONE),
)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_CHUNK = 10_000
_MOST_SHOWN = 100
_WORKER = 0


@click.command()
@click.argument("file", default="-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help=f"The folder of the decision log. [{config.variable('decision_log')}]",
)
@reading_options
def outcomes(file: str, folder: str | None, given: Given) -> None:
    """Put the outcomes in FILE into the decision log; "-" or no FILE is standard input.

    FILE is CSV or JSON, gzipped or not, with order_id, late (true or false, in CSV also 1 or 0), at (when it was known, as
    2026-11-30T05:00:00Z) and, if known, acted_on. Of several outcomes of an order the one with the last `at` counts, so
    a file may be given twice. Exits 0 if all rows are kept; 1 if rows are invalid, which are named by their lines, and nothing
    is written; 2 if FILE cannot be read or the outcomes cannot be written.
    """
    folder = folder or load_settings().decision_log
    if folder is None:
        raise click.UsageError(f"give --to DIR, or set {config.variable('decision_log')}.")
    chunks, invalid = list[Outcomes](), 0
    with open_orders(file, _COLUMNS, given) as source:
        rows = iter(source.reader)
        while chunk := list(islice(rows, _CHUNK)):
            reasons = _reasons(chunk, source, chunks)
            for reason in reasons[: max(0, _MOST_SHOWN - invalid)]:
                click.echo(f"{file}: {reason}", err=True)
            invalid += len(reasons)
    if invalid:
        raise click.ClickException(f"{invalid} error{'s' * (invalid > 1)}; nothing is written.")
    count = _write(folder, chunks)
    click.echo(f"{count} outcomes are in {folder}.", err=True)


def _reasons(rows: Sequence[Row], source: Source, chunks: list[Outcomes]) -> list[str]:
    """What is wrong with rows, by line; where nothing is, their outcomes are added to the chunks."""
    unread = {at: f"line {row.line}: {_reason(row.fault)}" for at, row in enumerate(rows) if row.fault}
    read = [row for row in rows if not row.fault]
    try:
        found = load([_values(row, cells=source.format.ending == "csv") for row in read])
    except InvalidOutcomes as error:
        numbered = [(read[fault.position or 0].line, fault) for fault in error.faults]
        wrong = [
            (line, f"line {line}: {f'{fault.name}: ' * bool(fault.name)}{_reason(fault.code)}") for line, fault in numbered
        ]
    else:
        wrong = []
        if not unread:
            chunks.append(found)
    return [text for _, text in sorted([*wrong, *((rows[at].line, text) for at, text in unread.items())])]


def _values(row: Row, *, cells: bool) -> dict[str, Any]:
    """The values of a row; the flags in cells are texts."""
    values = dict(row.order)
    if cells:
        for name in ("late", "acted_on"):
            text = values.get(name)
            values[name] = _FLAGS.get(text.lower(), text) if text is not None else None
    return values


def _reason(code: str) -> str:
    return f"{code} ({CODES[code]})"


def _write(folder: str, chunks: Sequence[Outcomes]) -> int:
    """Write a record for each chunk; how many outcomes they have. Raises UsageError."""
    files, request_id, kept = LogFiles(folder, OUTCOMES, _WORKER), secrets.token_hex(16), 0
    try:
        for chunk in chunks:
            files.append(dumps(record(chunk, datetime.now(UTC), request_id)))
            kept += len(chunk)
    except OSError as error:
        again = f"{kept} outcomes are written; give the file again"
        raise click.UsageError(f"{folder}: cannot be written ({error.strerror}); {again}.") from None
    return kept
