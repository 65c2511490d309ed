"""CSV: orders as rows below a header line. This is the one grammar of CSV, for files and for requests.

A cell of a feature is a number as JSON writes it, or empty for null. Any other cell stays text, which validation rejects.
Lines are counted as in the file: the header is on line 1, and a quoted cell may span several lines.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from schemas.fields import well_formed
from schemas.files.row import REJECT_NAMES, RESULT_NAMES, BadFile, Row
from schemas.result import Result

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_FORMULA = re.compile(r"[=+\-@\t\r]")  # the beginnings that OWASP names


class RawRow(NamedTuple):
    """A row of CSV text: the `line` it begins on, and its `cells`, or None where its `text` is not valid CSV.

    `too_long`: a cell exceeds the limit of the csv module, so the rest of the text cannot be divided into rows.
    """

    line: int
    cells: list[str] | None
    text: str = ""
    too_long: bool = False


def raw_rows(text: Iterable[str]) -> Iterator[RawRow]:
    """The rows of CSV text. Blank lines are skipped."""
    read: list[str] = []

    def recorded() -> Iterator[str]:
        for line in text:
            read.append(line)
            yield line

    rows = csv.reader(recorded(), strict=True)
    while True:
        first = rows.line_num + 1
        read.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield RawRow(first, None, "".join(read), "limit" in str(error))
        else:
            if cells:
                yield RawRow(first, cells)


def cell_value(cell: str) -> float | str | None:
    """The number of a cell, None for an empty cell, or its text."""
    if not cell:
        return None
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def safe_cells(cells: Iterable[Any]) -> list[Any]:
    """The cells, with an apostrophe before each text that a spreadsheet would take for a formula. Numbers are no text."""
    return [f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell for cell in cells]


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text)


def writer(stream: "SupportsWrite[str]") -> Any:
    """A csv.writer to the stream. It ends lines as RFC 4180 requires."""
    return csv.writer(stream, lineterminator="\r\n")


def result_cells(result: Result) -> tuple[float, str, str]:
    """The cells of a result, in the order of RESULT_NAMES. The names in `out_of_range` are separated by spaces."""
    return result.score, result.queue, " ".join(result.out_of_range)


class Reader:
    """Reads the rows of a file for a model with these features; `columns` is the header. Raises BadFile."""

    def __init__(self, text: Iterable[str], features: Sequence[str]) -> None:
        self._rows = raw_rows(text)
        self._features = features
        self.columns: Sequence[str] = self._header()
        if not all(map(well_formed, self.columns)):
            raise BadFile("the header is not UTF-8")
        for name in ("order_id", *features):
            if name not in self.columns:
                raise BadFile(f"the header has no column {name}")
        if len(set(self.columns)) != len(self.columns):
            raise BadFile("the header has the same name twice")
        for name in (*RESULT_NAMES, *REJECT_NAMES):
            if name in self.columns[_rejected_before(self.columns) :]:
                raise BadFile(f"the header has a column {name}, which is a column of the output")

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if row.too_long:
                limit = csv.field_size_limit()
                raise BadFile(f"line {row.line} has a cell of over {limit} characters; check for an open quote")
            if row.cells is None:
                yield Row(row.line, [row.text], fault="not_csv")
            else:
                yield self._row(row.line, row.cells)

    def value(self, row: Row, name: str) -> float | str | None:
        """The value of a row in any column. Raises BadFile if the file does not have the column."""
        if name not in self.columns:
            raise BadFile(f"the header has no column {name}")
        return cell_value(row.source[self.columns.index(name)])

    def _header(self) -> list[str]:
        first = next(self._rows, None)
        if first is None or first.line > 1:
            return []
        if first.cells is None:
            raise BadFile("the first line is not valid CSV")
        return first.cells

    def _row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Row(line, cells, fault="not_csv")
        if not all(map(well_formed, cells)):
            return Row(line, cells, fault="not_utf8")
        fields = dict(zip(self.columns, cells, strict=True))
        order = {name: cell_value(fields[name]) for name in self._features}
        return Row(line, cells, {"order_id": fields["order_id"] or None, **order})


def _rejected_before(columns: Sequence[str]) -> int:
    """How many columns at the front were added when the rows were rejected by an earlier run."""
    return len(REJECT_NAMES) if tuple(columns[: len(REJECT_NAMES)]) == REJECT_NAMES else 0


class _LineFeeds:
    """Ends lines with a line feed alone. A csv.writer quotes a carriage return only if its own line end contains one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


class Writer:
    """Writes a header, then rows with their results or, if `rejected`, rows after their line number and the reason.

    If `safe`, all are safe_cells.
    """

    def __init__(self, stream: TextIO, columns: Sequence[str], *, rejected: bool, safe: bool = False) -> None:
        self._cells = writer(_LineFeeds(stream))
        self._rows: Callable[[Iterable[Any]], Iterable[Any]] = partial(map, safe_cells) if safe else iter
        self._rejected = _rejected_before(columns)
        header = [*REJECT_NAMES, *columns[self._rejected :]] if rejected else [*columns, *RESULT_NAMES]
        self._cells.writerows(self._rows([header]))

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results: the cells of the row, then those of the result."""
        self._cells.writerows(self._rows([*row.source, *result_cells(result)] for row, result in scored))

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows, each with the reason. The file can be scored once the cells are corrected in it."""
        rows = ([row.line, reason, *(row.source[self._rejected :] or row.source)] for row, reason in rejected)
        self._cells.writerows(self._rows(rows))
