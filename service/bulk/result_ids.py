"""The order ids of a file of results, each with its row, some rows at a time. Needs pyarrow."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.files.arrow_texts import as_texts
from schemas.files.row import BadFile, Block, Layout, Reader
from service.bulk.part import Part
from service.bulk.place import Place
from service.offline.order_files import Given, read_orders

ROWS = 2**14

_SLICE = 2**20
_PARQUET = b"PAR1"
_WRITTEN_AS = {"csv": "csv", "jsonl": "jsonl", "json": "jsonl"}


def result_ids(place: Place, part: Part, column: str | None) -> Iterator[tuple[Any, Any]]:
    """The texts of ids, and their numbers: of the row in a Parquet file, of the line in another one, from 1.

    `column` has the ids; None: the one that they were scored with. Raises BadFile, OSError and ArrowException.
    """
    used = column or part.made_by.reading.get("columns", {}).get("order_id", "order_id")
    with place.read(part.name) as file:
        read = _parquet if file.read(len(_PARQUET)) == _PARQUET else _text
        file.seek(0)
        for texts, numbers in read(file, part, used):
            if texts.null_count:
                at = texts.is_null().index(True).as_py()
                raise BadFile(f"line or row {numbers[at]} has no id in the column {used}; give another --id")
            yield texts, numbers


def _parquet(source: Any, _: Part, column: str) -> Iterator[tuple[Any, Any]]:
    with pq.ParquetFile(source, pre_buffer=False, buffer_size=_SLICE) as file:
        if file.schema_arrow.names.count(column) != 1:
            raise BadFile(f"it must have one column {column}; give another --id")
        rows = 1
        for records in file.iter_batches(ROWS, columns=[column], use_threads=False):
            yield as_texts(column, records.column(0), integers=True), pa.array(range(rows, rows + len(records)), pa.int64())
            rows += len(records)


def _text(source: Any, part: Part, column: str) -> Iterator[tuple[Any, Any]]:
    reading = part.made_by.reading
    layout = Layout((), columns={"order_id": column}, ids_as_text=True, delimiter=reading.get("delimiter"))
    given = Given(_WRITTEN_AS.get(reading.get("format", "")), delimiter=layout.delimiter)
    file = cast(BinaryIO, io.BufferedReader(source, _SLICE))
    with read_orders(part.name, file, None, given, layout) as orders:
        for block in orders.reader.blocks(ROWS):
            lines, ids = _columns(orders.reader, block)
            yield pa.array(ids, pa.string()), pa.array(lines, pa.int64())


def _columns(reader: Reader, block: Any) -> tuple[Any, list[str | None]]:
    """The lines and the ids of a block of rows."""
    columns = reader.columns(block) if isinstance(block, Block) else None
    if columns is not None:
        return block.lines, [each or None for each in columns.ids]
    rows = reader.rows(block) if isinstance(block, Block) else block
    return [row.line for row in rows], [row.order.get("order_id") for row in rows]
