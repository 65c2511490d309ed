"""delivery-risk decisions export: a row for each order of decision logs, in a Parquet file."""

from collections.abc import Sequence
from typing import Any

import click

from service.cli.decisions.log_argument import files_of, log_argument
from service.cli.loading import plain
from service.cli.result_files import is_stream, open_outputs
from service.decisions.reading import NoLog

ROWS = 2**16
"""A row group ends with the record that reaches so many rows."""

_EXTRA = "--parquet needs pyarrow; install the extra: pip install 'delivery-risk[parquet]'."


@click.command()
@log_argument
@click.option("--parquet", "out", required=True, metavar="FILE", help="The Parquet file to write.")
def export(log: Sequence[str], out: str) -> None:
    """Write a row for each order of each LOG, with typed columns and a column for each input.

    LOG is a file of a decision log or its folder, and is read twice. The inputs have their names, the texts of the context
    `context_NAME`. What a record lacks is null. The file is written completely or not at all. Exits 2 if that fails, or if a
    line cannot be read. Torn last lines are left out.
    """
    try:
        import pyarrow
        from pyarrow import parquet

        from service.decisions.export import UnreadableLine, batches, columns
    except ImportError:
        raise click.UsageError(_EXTRA) from None
    if is_stream(out):
        raise click.UsageError("--parquet must name a file.")
    files = files_of(log)
    orders = 0
    try:
        found = columns(files)
        with open_outputs() as outputs, parquet.ParquetWriter(outputs.create_binary(out), found.schema) as writer:
            group: list[Any] = []
            for batch in batches(files, found):
                group.append(batch)
                orders += batch.num_rows
                if sum(each.num_rows for each in group) >= ROWS:
                    writer.write_table(pyarrow.Table.from_batches(group))
                    group = []
            if group:
                writer.write_table(pyarrow.Table.from_batches(group))
    except (NoLog, UnreadableLine) as error:
        raise click.UsageError(f"{plain(str(error))}.") from None
    click.echo(f"{orders} orders of {len(files)} files written to {out}.", err=True)
