"""Table: orders as CSV under a header line. Columns that the model does not know are carried through.

A cell of a feature is a number as JSON writes it; an empty cell is null. What is neither stays text, for the schema to
refuse. Lines are counted as the file has them: the header is line 1, and a quoted cell may run over several.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from model.core.risk_model import RiskModel, Scores
from schemas.faults import Fault, error_list
from schemas.fields import MalformedBody, well_formed
from schemas.files.row import RESULT_NAMES, BadFile, Row
from schemas.result import Result, header, results
from schemas.validation import SPARE_NAMES, BatchValidator, DecodedBatch

_REFUSAL = ("refused_line", "refused_reason")
_BEGINS_AS_A_NUMBER = re.compile(r"\s*[-+.]*[0-9]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Reader:
    """The rows of a file; `columns` are its header. Raises BadFile where it cannot serve these features."""

    def __init__(self, lines: Iterable[str], features: Sequence[str]) -> None:
        self._taken: list[str] = []
        self._cells = csv.reader(self._take(lines), strict=True)
        try:
            self.columns = next(self._cells, [])
        except csv.Error as error:
            raise BadFile("the first line is not CSV") from error
        self._features = features
        if not all(map(well_formed, self.columns)):
            raise BadFile("the header is not UTF-8")
        for name in ("order_id", *features):
            if name not in self.columns:
                raise BadFile(f"the header has no column {name}")
        if len(set(self.columns)) != len(self.columns):
            raise BadFile("the header has the same name twice")
        for name in (*RESULT_NAMES, *_REFUSAL):
            if name in self.columns[_refused_before(self.columns) :]:
                raise BadFile(f"the header has a column {name}, which is the answer's")

    def __iter__(self) -> Iterator[Row]:
        while True:
            line = self._cells.line_num + 1
            self._taken.clear()
            try:
                cells = next(self._cells, None)
            except csv.Error as error:
                if "limit" in str(error):
                    raise BadFile(
                        f"line {line} has a cell of over {csv.field_size_limit()} characters: a quote left open?"
                    ) from None
                yield Row(line, ["".join(self._taken)], fault="not_csv")
                continue
            if cells is None:
                return
            if cells:
                yield self._row(line, cells)

    def other(self, row: Row, name: str) -> float | str | None:
        """What an order's own row has in a column that is none of the model's. Raises BadFile where there is no such column."""
        if name not in self.columns:
            raise BadFile(f"the header has no column {name}")
        return _value(row.source[self.columns.index(name)])

    def _take(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._taken.append(line)
            yield line

    def _row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Row(line, cells, fault="not_csv")
        fields = dict(zip(self.columns, cells, strict=True))
        if not all(map(well_formed, cells)):
            return Row(line, cells, fault="not_utf8")
        order = {name: _value(fields[name]) for name in self._features}
        return Row(line, cells, {"order_id": fields["order_id"] or None, **order})


def _refused_before(columns: Sequence[str]) -> int:
    """How many of the columns an earlier refusal has put in front."""
    return len(_REFUSAL) if tuple(columns[: len(_REFUSAL)]) == _REFUSAL else 0


def _value(cell: str) -> float | str | None:
    if not cell:
        return None
    return float(cell) if _NUMBER.fullmatch(cell) else cell


class NotCSV(MalformedBody):
    """The body is not a table of one width in UTF-8; the message says on which line."""


def decode(validator: BatchValidator, body: bytes) -> DecodedBatch:
    """The orders of a whole table. Raises NotCSV. Here every column must be one that the model knows."""
    header, rows = _table(body)
    known = ("order_id", *validator.features)
    if len(header) > len(known) + SPARE_NAMES:
        return validator.refused(len(rows), Fault("too_many_names"))
    faults = [Fault("missing", path=(name,)) for name in known if name not in header]
    if len(faults) < len(known):  # else there is no header, and what stands there are values
        unknown = dict.fromkeys(_path(name) for name in header if name not in known)
        repeated = dict.fromkeys(_path(name) for name, count in Counter(header).items() if count > 1)
        faults += [Fault("unknown_name", path=path) for path in unknown]
        faults += [Fault("duplicate_key", path=path) for path in repeated]
    if not rows:
        faults.append(Fault("empty_batch"))
    if len(rows) > validator.max_orders:
        faults.append(Fault("too_many_orders", most=validator.max_orders))
    if faults:
        return validator.refused(len(rows), *faults)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    ids = [cell or None for cell in columns["order_id"]]
    values = [list(map(_value, columns[name])) for name in validator.features]
    orders = (dict(zip(known, order, strict=True)) for order in zip(ids, *values, strict=True))
    return validator.at_once(ids, values) or validator.decode(list(orders))


def _path(name: str) -> tuple[str, ...]:
    """The steps to a column; none where its name begins as a number does: rows without line breaks end up in the header."""
    return () if _BEGINS_AS_A_NUMBER.match(name) else (name,)


def _table(body: bytes) -> tuple[list[str], list[list[str]]]:
    """The header of a table, and its rows. Raises NotCSV."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(error.object[: error.start + 1].splitlines())
        raise NotCSV(f"line {line} is not UTF-8") from error
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row] or [[]]
    except csv.Error:
        header, rows = [], []
    if set(map(len, rows)) - {len(header)} or not header:
        _find_fault(text)
    return header, rows


def _find_fault(text: str) -> None:
    """Read the table once more, line by line, for the place of what is wrong. Raises NotCSV, unless nothing is."""
    cells, width = csv.reader(io.StringIO(text, newline=""), strict=True), 0
    while True:
        line = cells.line_num + 1
        try:
            row = next(cells, None)
        except csv.Error as error:
            raise NotCSV(f"line {line} is not sound CSV: a quote may be open or out of place") from error
        if row is None:
            return
        width = width or len(row)
        if row and len(row) != width:
            raise NotCSV(f"line {line} has {len(row)} cells, the header {width}")


def place(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault: its row, from 0 below the header, and its column."""
    return (str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: str, *, partial: bool) -> bytes:
    """The answer, a row an order, with what a JSON answer has at its head on each; in a partial one the refused follow."""
    stream = io.StringIO(newline="")
    cells = csv.writer(stream, lineterminator="\r\n")
    head = header(model, policy)
    cells.writerow(("order_id", *RESULT_NAMES, *head, *(("errors",) if partial else ())))
    for result in results(model, decoded, scores):
        row = (result.order_id, result.score, result.queue, " ".join(result.out_of_range), *head.values())
        cells.writerow((*row, "") if partial else row)
    for faults in decoded.by_position().values():
        reasons = "; ".join(f"{error['pointer']}: {error['code']}" for error in error_list(faults, place))
        cells.writerow((faults[0].order_id or "", "", "", "", *head.values(), reasons))
    return stream.getvalue().encode()


class _Lines:
    """Ends lines with a line feed alone, while csv, told of both characters, quotes cells that hold either."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


class Writer:
    """Rows and their results as CSV, and refused rows as they stood behind the line and the reason."""

    def __init__(self, stream: TextIO, columns: Sequence[str]) -> None:
        self._cells = csv.writer(_Lines(stream), lineterminator="\r\n")
        self._columns = columns
        self._mended = _refused_before(columns)

    def begin(self, *, refused: bool) -> None:
        """The header line."""
        self._cells.writerow([*_REFUSAL, *self._columns[self._mended :]] if refused else [*self._columns, *RESULT_NAMES])

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Scored rows; features outside their range are parted by spaces."""
        for row, result in scored:
            self._cells.writerow([*row.source, result.score, result.queue, " ".join(result.out_of_range)])

    def refusals(self, refused: Iterable[tuple[Row, str]]) -> None:
        """Refused rows: mended in place, the file can be scored again as it is, and what is refused then once more."""
        self._cells.writerows([row.line, reason, *(row.source[self._mended :] or row.source)] for row, reason in refused)
