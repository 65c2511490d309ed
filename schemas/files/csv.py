"""CSV files: orders as rows below a header line, in one of several dialects. Results have the dialect of the orders.

A cell of a feature is a number, or empty for null. Any other cell stays text, which validation rejects. Columns that the model
does not need are copied; their names may repeat or be empty.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, TextIO

from schemas.fields import well_formed
from schemas.files import header
from schemas.files.csv_rows import RawRow, RawRows, writer
from schemas.files.dialect import COMMAS, SAMPLE, Dialect, recognise
from schemas.files.row import REJECT_NAMES, RESULT_NAMES, BadFile, Layout, Row
from schemas.result import Result

_FORMULA = re.compile(r"[=+\-@\t\r]")  # the beginnings that OWASP names
_MOST_NOTICES = 10


def safe_cells(cells: Iterable[Any], dialect: Dialect = COMMAS) -> list[Any]:
    """The cells, with an apostrophe before each text that a spreadsheet would take for a formula. Numbers are no text."""
    return [
        f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not dialect.is_number(cell) else cell for cell in cells
    ]


def result_cells(result: Result) -> tuple[float, str, str]:
    """The cells of a result, in the order of RESULT_NAMES. The names in `out_of_range` are separated by spaces."""
    return result.score, result.queue, " ".join(result.out_of_range)


class Reader:
    """Reads the rows of a file; `columns` is the header, and `dialect` how the rest is written. Raises BadFile."""

    def __init__(self, text: Iterable[str], layout: Layout) -> None:
        lines = iter(text)
        sample = list(islice(lines, SAMPLE))
        self.dialect, before = recognise(sample, layout)
        self._raw = RawRows(chain(sample[before:], lines), self.dialect.delimiter, before)
        self._rows = iter(self._raw)
        self._notice, self._noticed = layout.notice, 0
        self.columns: Sequence[str] = self._header()
        order_id, *features = header.places(self.columns, layout).items()
        self._id_at = order_id[1]
        self._features = features

    @property
    def lines(self) -> int:
        """How many lines have been read."""
        return self._raw.lines

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if row.endless is not None:
                raise BadFile(f"the cell that begins on line {row.endless} does not end; check for an open quote")
            if len(row.text) > 1:
                self._look_inside(row)
            if row.cells is None:
                yield Row(row.line, ["".join(row.text)], fault="not_csv")
            else:
                yield self._row(row.line, row.cells)

    def value(self, row: Row, name: str) -> float | str | None:
        """The value of a row in any column. Raises BadFile if the file does not have the column."""
        if name not in self.columns:
            raise BadFile(f"the header has no column {name}")
        return self.dialect.value(row.source[self.columns.index(name)])

    def _header(self) -> list[str]:
        first = next(self._rows, None)
        if first is None:
            return []
        if first.cells is None:
            raise BadFile("the header is not valid CSV; check for a quote that is open or out of place")
        return first.cells

    def _row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Row(line, cells, fault="not_csv", detail=f"it has {len(cells)} cells, the header {len(self.columns)}")
        if not all(map(well_formed, cells)):
            return Row(line, cells, fault="not_utf8")
        order = {name: self.dialect.value(cells[at]) for name, at in self._features}
        if self.dialect.decimal is None:
            for name, value in order.items():
                if self.dialect.is_ambiguous(value):
                    return Row(line, cells, fault="ambiguous_decimal", detail=name)
        return Row(line, cells, {"order_id": cells[self._id_at] or None, **order})

    def _look_inside(self, row: RawRow) -> None:
        """Give notice of a row with lines that look like rows themselves: two stray quotes may have made one of them."""
        if not any(map(self._seems_order, row.text[1:])):
            return
        self._noticed += 1
        if self._noticed <= _MOST_NOTICES:
            last = row.line + len(row.text) - 1
            self._notice(f"lines {row.line} to {last} are one row, but look like several: check its quotes")
        elif self._noticed == _MOST_NOTICES + 1:
            self._notice("there are more such rows")

    def _seems_order(self, line: str) -> bool:
        cells = line.rstrip("\r\n").split(self.dialect.delimiter)
        wide = len(cells) == len(self.columns)
        return wide and all(isinstance(self.dialect.value(cells[at].strip('"')), float | None) for _, at in self._features)


class _LineFeeds:
    """Ends lines with a line feed alone. A csv.writer quotes a carriage return only if its own line end contains one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


def file_writer(stream: TextIO, delimiter: str = ",") -> Any:
    """A csv.writer to a file, whose lines end with a line feed alone."""
    return writer(_LineFeeds(stream), delimiter)


class Writer:
    """Writes a header, then rows with their results or, if `rejected`, rows after their line number and the reason.

    After a result come the values of `added`, under their names. If `safe`, all are safe_cells.
    """

    def __init__(
        self, stream: TextIO, reader: Reader, *, rejected: bool, added: Mapping[str, Any] | None = None, safe: bool = False
    ) -> None:
        self._dialect = reader.dialect
        self._cells = file_writer(stream, self._dialect.delimiter)
        self._rows: Callable[[Iterable[Any]], Iterable[Any]] = (
            partial(map, partial(safe_cells, dialect=self._dialect)) if safe else iter
        )
        self._added = [self._text(value) for value in (added or {}).values()]
        self._rejected = header.rejected_before(reader.columns)
        columns = reader.columns
        names = [*REJECT_NAMES, *columns[self._rejected :]] if rejected else [*columns, *RESULT_NAMES, *(added or {})]
        self._cells.writerows(self._rows([names]))

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results: the cells of the row, those of the result, and what is added."""
        self._cells.writerows(
            self._rows([*row.source, *map(self._text, result_cells(result)), *self._added] for row, result in scored)
        )

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows, each with the reason. The file can be scored once the cells are corrected in it."""
        rows = ([row.line, reason, *(row.source[self._rejected :] or row.source)] for row, reason in rejected)
        self._cells.writerows(self._rows(rows))

    def _text(self, value: Any) -> Any:
        return self._dialect.number(value) if isinstance(value, float) else value
