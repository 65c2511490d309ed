"""CSV bodies: orders as rows below a header line. Every column must be order_id or a feature of the model."""

import csv
import io
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from model.core.risk_model import RiskModel
from schemas.faults import Fault, MalformedBody, error_list
from schemas.files.csv import cell_value, raw_rows, result_cells, writer
from schemas.files.row import RESULT_NAMES
from schemas.formats import json_records
from schemas.result import ScoredBatch, header, results
from schemas.validation import SPARE_NAMES, BatchValidator, DecodedBatch

_BEGINS_AS_A_NUMBER = re.compile(r"\s*[-+.]*[0-9]")


class CsvDecoder:
    """Decodes CSV for one model."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self.schema: dict[str, Any] = {"type": "string"}

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not CSV."""
        return replace(self._decode(*_table(content)), format="csv")

    def example(self, model: RiskModel) -> str:
        """The first order of the model's self-test, below the header."""
        (order,) = json_records.example(model)["orders"]
        return f"{','.join(order)}\n{','.join(map(str, order.values()))}\n"

    def _decode(self, names: list[str], rows: list[list[str]]) -> DecodedBatch:
        known = ("order_id", *self._validator.features)
        if len(names) > len(known) + SPARE_NAMES:
            return self._validator.rejected(len(rows), Fault("too_many_names"))
        faults = [Fault("missing", path=(name,)) for name in known if name not in names]
        if len(faults) < len(known):  # otherwise the first line has values and is no header
            unknown = dict.fromkeys(_path(name) for name in names if name not in known)
            repeated = dict.fromkeys(_path(name) for name, count in Counter(names).items() if count > 1)
            faults += [Fault("unknown_name", path=path) for path in unknown]
            faults += [Fault("duplicate_key", path=path) for path in repeated]
        if not rows:
            faults.append(Fault("empty_batch"))
        if len(rows) > self._validator.max_orders:
            faults.append(Fault("too_many_orders", limit=self._validator.max_orders))
        if faults:
            return self._validator.rejected(len(rows), *faults)
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        ids = [cell or None for cell in columns["order_id"]]
        return self._validator.decode_columns(ids, [list(map(cell_value, columns[name])) for name in self._validator.features])


def _path(name: str) -> tuple[str, ...]:
    """The steps to a column. No steps if the name may be a value: if line breaks are lost, the header contains the rows."""
    return () if _BEGINS_AS_A_NUMBER.match(name) else (name,)


def _table(content: bytes) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, all with the same number of cells. Raises MalformedBody."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(error.object[: error.start + 1].splitlines())
        raise MalformedBody(f"line {line} is not UTF-8") from error
    try:
        columns, *rows = [cells for cells in csv.reader(_stream(text), strict=True) if cells] or [[]]
    except csv.Error:
        raise _malformed(text) from None
    if {len(columns)}.issuperset(map(len, rows)):
        return columns, rows
    raise _malformed(text)


def _malformed(text: str) -> MalformedBody:
    """The error for the first row that is not valid CSV or has more or fewer cells than the header."""
    width = 0
    for row in raw_rows(_stream(text)):
        if row.cells is None:
            return MalformedBody(f"line {row.line} is not valid CSV; check for a quote that is open or out of place")
        width = width or len(row.cells)
        if len(row.cells) != width:
            return MalformedBody(f"line {row.line} has {len(row.cells)} cells, but the header has {width}")
    return MalformedBody("the body is not valid CSV")


def _stream(text: str) -> io.StringIO:
    return io.StringIO(text, newline="")


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault: its row, counted from 0 below the header, and its column."""
    return (str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(scored: ScoredBatch) -> bytes:
    """The answer: a row for each valid order, each with the header; in a partial answer, rows of the rejected orders follow."""
    stream, head = _stream(""), header(scored)
    cells = writer(stream)
    cells.writerow(("order_id", *RESULT_NAMES, *head, *(("errors",) if scored.partial else ())))
    last = ("",) if scored.partial else ()
    cells.writerows((result.order_id, *result_cells(result), *head.values(), *last) for result in results(scored))
    for faults in scored.decoded.by_position().values():
        reasons = "; ".join(f"{error['pointer']}: {error['code']}" for error in error_list(faults, locate))
        cells.writerow((faults[0].order_id or "", "", "", "", *head.values(), reasons))
    return stream.getvalue().encode()
