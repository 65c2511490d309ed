"""Orders as streams of Arrow, and answers of Arrow as the table that CSV has."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from werkzeug.test import TestResponse

ARROW = "application/vnd.apache.arrow.stream"


def stream(table: pa.Table, chunk: int | None = None, **options: Any) -> bytes:
    """The stream of a table, in record batches of at most so many rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, chunk)
    return sink.getvalue().to_pybytes()


def table_of(orders: Sequence[dict[str, Any]]) -> pa.Table:
    """The orders as a table, with the names of all of them. An integer that Arrow has no type for becomes a float."""
    names = dict.fromkeys(name for order in orders for name in order)
    return pa.table({name: pa.array([_value(order.get(name)) for order in orders]) for name in names})


def as_arrow(orders: Sequence[dict[str, Any]]) -> bytes:
    """The orders as a stream."""
    return stream(table_of(orders))


def read(content: bytes) -> pa.Table:
    """The table of a stream, which is valid."""
    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def in_csv(answer: TestResponse) -> TestResponse:
    """An answer in Arrow as the service would give it in CSV, by the documented columns; any other as it is."""
    if answer.mimetype != ARROW:
        return answer
    table = read(answer.data)
    head = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    selection = json.loads(head.pop("selection", "{}"))
    head |= {name: str(selection[name]) for name in ("review_top", "by") if name in selection}
    head.pop("error_count", None)
    text = io.StringIO(newline="")
    names = [name for name in table.column_names if name != "errors"]
    partial = ["errors"] if "errors" in table.column_names else []
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*names, *head, *partial])
    for row in table.to_pylist():
        errors = "; ".join(f"{each['pointer']}: {each['code']}" for each in row.get("errors") or ())
        writer.writerow([*(_cell(name, row[name]) for name in names), *head.values(), *(errors for _ in partial)])
    answer.set_data(text.getvalue())
    answer.content_type = "text/csv; charset=utf-8"
    return answer


def _value(value: Any) -> Any:
    return float(value) if type(value) is int and not -(2**63) <= value < 2**63 else value


def _cell(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, list):
        return ("; " if name.startswith("change_") else " ").join(value)
    return repr(value) if isinstance(value, float) else str(value)
