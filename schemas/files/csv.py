"""CSV: orders as rows below a header line. This is the one grammar of CSV, for files and for requests.

A cell of a feature is a number as JSON writes it, and an empty cell is null. Any other cell stays text, which the schema
rejects. Lines are counted as in the file: the header is on line 1, and a quoted cell may span several lines.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from schemas.fields import well_formed
from schemas.files.row import REJECT_NAMES, RESULT_NAMES, BadFile, Row
from schemas.result import Result

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Line(NamedTuple):
    """A row of CSV: the `number` of its first line, and its `cells`, or None where its `text` is not valid CSV.

    `too_long` where a cell is over the csv module's limit: the rest of the text cannot be divided into rows.
    """

    number: int
    cells: list[str] | None
    text: str = ""
    too_long: bool = False


def lines(text: Iterable[str]) -> Iterator[Line]:
    """The rows of CSV text that have any cell."""
    read: list[str] = []

    def recorded() -> Iterator[str]:
        for line in text:
            read.append(line)
            yield line

    rows = csv.reader(recorded(), strict=True)
    while True:
        number = rows.line_num + 1
        read.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, None, "".join(read), "limit" in str(error))
        else:
            if cells:
                yield Line(number, cells)


def value(cell: str) -> float | str | None:
    """The value of a feature's cell."""
    if not cell:
        return None
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def writer(stream: "SupportsWrite[str]") -> Any:
    """A csv.writer to the stream, which ends lines as RFC 4180 has it."""
    return csv.writer(stream, lineterminator="\r\n")


def result_cells(result: Result) -> tuple[float, str, str]:
    """The cells of a result, in the order of RESULT_NAMES. Names of features out of range are separated by spaces."""
    return result.score, result.queue, " ".join(result.out_of_range)


class Reader:
    """The rows of a file; `columns` are its header. Raises BadFile where the file has no columns for these features."""

    def __init__(self, text: Iterable[str], features: Sequence[str]) -> None:
        self._lines = lines(text)
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
        for line in self._lines:
            if line.too_long:
                limit = csv.field_size_limit()
                raise BadFile(f"line {line.number} has a cell of over {limit} characters; check for an open quote")
            if line.cells is None:
                yield Row(line.number, [line.text], fault="not_csv")
            else:
                yield self._row(line.number, line.cells)

    def other(self, row: Row, name: str) -> float | str | None:
        """The value that a row has in a column that is no feature. Raises BadFile where there is no such column."""
        if name not in self.columns:
            raise BadFile(f"the header has no column {name}")
        return value(row.source[self.columns.index(name)])

    def _header(self) -> list[str]:
        first = next(self._lines, None)
        if first is None or first.number > 1:
            return []
        if first.cells is None:
            raise BadFile("the first line is not CSV")
        return first.cells

    def _row(self, number: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Row(number, cells, fault="not_csv")
        if not all(map(well_formed, cells)):
            return Row(number, cells, fault="not_utf8")
        fields = dict(zip(self.columns, cells, strict=True))
        order = {name: value(fields[name]) for name in self._features}
        return Row(number, cells, {"order_id": fields["order_id"] or None, **order})


def _rejected_before(columns: Sequence[str]) -> int:
    """How many of the columns an earlier run has put in front of a rejected row."""
    return len(REJECT_NAMES) if tuple(columns[: len(REJECT_NAMES)]) == REJECT_NAMES else 0


class _LineFeeds:
    """Ends lines with a line feed alone. csv still quotes a cell with a carriage return, which is in its line end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


class Writer:
    """Writes rows with their results, or rejected rows with their line and the reason, to a file."""

    def __init__(self, stream: TextIO, columns: Sequence[str]) -> None:
        self._cells = writer(_LineFeeds(stream))
        self._columns = columns
        self._rejected = _rejected_before(columns)

    def begin(self, *, rejected: bool) -> None:
        """Write the header line."""
        self._cells.writerow([*REJECT_NAMES, *self._columns[self._rejected :]] if rejected else [*self._columns, *RESULT_NAMES])

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write scored rows: their own cells, then those of the result."""
        self._cells.writerows([*row.source, *result_cells(result)] for row, result in scored)

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows. Corrected in place, the file can be scored as it is."""
        self._cells.writerows([row.line, reason, *(row.source[self._rejected :] or row.source)] for row, reason in rejected)
