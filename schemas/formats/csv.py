"""CSV bodies: orders as rows below a header line. Every column must be order_id or an input of the model."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, repeat
from typing import Any

from msgspec.structs import replace

from model.core.manifest import Input
from model.core.risk_model import RiskModel
from schemas.faults import Fault, MalformedBody, error_list
from schemas.fields import ORDER_ID_LENGTH
from schemas.files import explanation_cells
from schemas.files.csv_rows import RawRows, quoted, writer
from schemas.files.dialect import COMMAS, DELIMITERS
from schemas.files.number_text import number_texts
from schemas.files.row import HOLDOUT, input_columns, result_names
from schemas.formats import json_records
from schemas.formats.column_names import ColumnNames
from schemas.result import ScoredBatch, header, held_out, listed, named, queues
from schemas.validation import BatchValidator, DecodedBatch

_OTHER_DELIMITERS = DELIMITERS.keys() - {","}
_SHORT, _LONGEST = 1024, 2**20
"""Bytes of a line whose cells need no counting, and characters of the longest line that is read."""

_ROWS = 64
"""Rows that are read before their cells are counted."""


class CsvDecoder:
    """Decodes CSV for one model."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._names = ColumnNames(validator)
        self.schema: dict[str, Any] = {"type": "string"}

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not CSV."""
        return replace(self._decode(*self._table(content)), format="csv")

    def valid(self, content: bytes) -> None:
        """None: CSV that is plainly valid takes as much time as any other."""

    def example(self, model: RiskModel) -> str:
        """The first order of the model's self-test, below the header."""
        (order,) = json_records.example(model)["orders"]
        return "\n".join([*_lines_of([order, ("" if value is None else value for value in order.values())]), ""])

    def _table(self, content: bytes) -> tuple[list[str], list[list[str]]]:
        """The header and the rows, all with the same number of cells. Raises MalformedBody.

        Of a header that is too long the rows are not read, of too many rows all but one.
        """
        try:
            rows = (cells for cells in csv.reader(_lines(content, self._names.most), strict=True) if cells)
            columns = next(rows, [])
            if len(columns) > self._names.most:
                return columns, []
            table, rest = list[list[str]](), islice(rows, self._validator.max_orders + 1)
            while block := list(islice(rest, _ROWS)):
                table += block
                if not {len(columns)}.issuperset(map(len, block)):
                    raise csv.Error("a row has more or fewer cells than the header")
        except UnicodeDecodeError:
            raise _not_utf8(content) from None
        except csv.Error:
            raise _malformed(_lines(content, self._names.most)) from None
        return columns, table

    def _decode(self, names: list[str], rows: list[list[str]]) -> DecodedBatch:
        hint = "separate cells by commas" if len(names) == 1 and not _OTHER_DELIMITERS.isdisjoint(names[0]) else None
        if faults := self._names.faults(names, len(rows), hint):
            return self._validator.rejected(len(rows), *faults)
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        ids = [cell or None for cell in columns["order_id"]]
        empty = [""] * len(rows)
        values = [_column(columns.get(each.name, empty), each) for each in self._validator.inputs]
        texts = ([cell or None for cell in columns.get(name, empty)] for name in self._validator.contexts)
        return self._validator.decode_columns(ids, [*values, *texts])


def _column(cells: Sequence[str], of: Input) -> list[Any]:
    return COMMAS.values(cells, of) or [COMMAS.value(cell, of) for cell in cells]


def _lines(content: bytes, most: int) -> Iterable[str]:
    """The lines of a body, none with far more than `most` cells. Raises MalformedBody while they are read."""
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    return _bounded(text, most + ORDER_ID_LENGTH) if _has_long_line(content) else text


def _has_long_line(content: bytes) -> bool:
    begin = 0
    while begin + _SHORT < len(content):
        end = content.rfind(b"\n", begin, begin + _SHORT + 1)
        if end < 0:
            return True
        begin = end + 1
    return False


def _bounded(text: io.TextIOWrapper, cells: int) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(_LONGEST), ""), 1):
        if len(line) > _SHORT and (len(line) == _LONGEST or line.count(",") > cells):
            raise MalformedBody(f"line {number} has far more cells or characters than an order")
        yield line


def _not_utf8(content: bytes) -> MalformedBody:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return MalformedBody(f"line {len(content[: error.start + 1].splitlines())} is not UTF-8")
    return MalformedBody("the body is not UTF-8")


def _malformed(lines: Iterable[str]) -> MalformedBody:
    """The error for the first row that is not valid CSV or has more or fewer cells than the header."""
    width = 0
    for row in RawRows(lines):
        if row.cells is None:
            return MalformedBody(f"line {row.line} is not valid CSV; check for a quote that is open or out of place")
        width = width or len(row.cells)
        if len(row.cells) != width:
            return MalformedBody(f"line {row.line} has {len(row.cells)} cells, but the header has {width}")
    return MalformedBody("the body is not valid CSV")


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault: its row, counted from 0 below the header, and its column."""
    return (str(fault.position), *(() if fault.name is None else (fault.name,)))


def _lines_of(rows: Iterable[Iterable[Any]]) -> list[str]:
    """The line of each row, whose cells contain no line end."""
    stream = io.StringIO(newline="")
    writer(stream).writerows(rows)
    return stream.getvalue().split("\r\n")[:-1]


def encode(scored: ScoredBatch) -> bytes:
    """The answer: a row for each valid order, each with the header; in a partial answer, rows of the rejected orders follow."""
    stream, head, selection = io.StringIO(newline=""), header(scored), scored.selection
    head |= {} if selection is None else selection.options
    cells = writer(stream)
    names, contexts = result_names(scored.model.manifest, selection=selection is not None), scored.model.manifest.context_names
    ranks = [] if selection is None else [map(str, selection.ranks.tolist())]
    held = [] if scored.holdout is None else [["true" if each else "" for each in held_out(scored)]]
    explained, explanations = _explanations(scored)
    further = (*names, *((HOLDOUT,) if held else ()), *contexts, *explained)
    cells.writerow(("order_id", *further, *head, *(("errors",) if scored.partial else ())))
    # Of the cells of a row only the order id and the context may need quotes. Those after them are the same in all rows.
    ids = quoted(scored.decoded.batch.ids)
    none = [None] * len(ids)
    texts = [quoted([text or "" for text in scored.decoded.context.get(name, none)]) for name in contexts]
    (shared,) = _lines_of([(*head.values(), *(("",) if scored.partial else ()))])
    inputs = [map(" ".join, each) for each in named(scored, input_columns(names))]
    columns = ids, number_texts(scored.scores.scores), queues(scored), *inputs, *ranks, *held, *texts, *explanations
    rows = map(",".join, zip(*columns, repeat(f"{shared}\r\n", len(ids)), strict=True))
    stream.write("".join(rows))
    for _, faults in groupby(listed(scored) if scored.partial else (), lambda fault: fault.position):
        errors = error_list(faults, locate)
        reasons = "; ".join(f"{error['pointer']}: {error['code']}" for error in errors)
        cells.writerow((errors[0].get("order_id", ""), *("" for _ in further), *head.values(), reasons))
    return stream.getvalue().encode()


def _explanations(scored: ScoredBatch) -> tuple[list[str], list[list[str]]]:
    """The names of the columns of explanations, and the text of their cells for each row; none where none are asked for."""
    found = scored.explanations
    if found is None:
        return [], []
    names = explanation_cells.names(found.inputs, found.changes)
    none = "," * (len(names) - 1)
    each = found.each(len(scored.decoded.batch))
    lines = iter(_lines_of(explanation_cells.cells(one) for one in each if one is not None))
    return names, [[none if one is None else next(lines) for one in each]]
