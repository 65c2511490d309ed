"""Reads CSV files: orders as rows below a header line, in one of several dialects, one by one or as columns.

An empty cell is null. A cell of a number that is no number stays text, which validation rejects. Columns that the model does
not need are copied; their names may repeat or be empty.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from model.core.manifest import NUMBER, Input
from schemas.files import header
from schemas.files.csv_parser import CsvParser
from schemas.files.csv_rows import RawRow, RawRows
from schemas.files.dialect import SAMPLE, recognise
from schemas.files.row import BadFile, Block, Columns, Layout, Row

_MOST_NOTICES = 10
_PIECE = 250
"""Lines that are read row by row at a time."""


class Reader:
    """Reads the rows of a file; `header` is its first row, and `dialect` how the rest is written. Raises BadFile."""

    def __init__(self, text: Iterable[str], layout: Layout) -> None:
        lines = iter(text)
        sample = list(islice(lines, SAMPLE))
        self.dialect, self.lines = recognise(sample, layout)
        self._text = chain(sample[self.lines :], lines)
        self._notice, self._noticed = layout.notice, 0
        self.header: Sequence[str] = self._header()
        self.contexts = layout.contexts
        places = header.places(self.header, layout)
        inputs = [(each, places.get(each.name)) for each in layout.members]
        self._parser = CsvParser(self.dialect, len(self.header), places["order_id"], inputs, layout.na)

    def __iter__(self) -> Iterator[Row]:
        return self._rows(self._text)

    def blocks(self, size: int) -> Iterator[Block | list[Row]]:
        """The rows in blocks of `size`: as a list where one has several lines, or more or fewer cells than the header."""
        while lines := list(islice(self._text, size)):
            yield from [self._block(lines)] if self._parser.are_rows(lines) else self._pieces(lines, size)

    def columns(self, block: Block) -> Columns | None:
        """The rows of a block as columns; None if a cell of an input is not of its kind, or a cell is not UTF-8."""
        return self._parser.columns(block)

    def rows(self, block: Block) -> list[Row]:
        """The rows of a block, one by one."""
        return self._parser.rows(block)

    def value(self, row: Row, name: str) -> float | str | None:
        """The value of a row in any column. Raises BadFile if the file does not have the column."""
        if name not in self.header:
            raise BadFile(f"the header has no column {name}")
        return self.dialect.value(row.source[self.header.index(name)], Input(name))

    def _block(self, lines: list[str]) -> Block:
        begin, self.lines = self.lines + 1, self.lines + len(lines)
        return Block(range(begin, self.lines + 1), lines)

    def _pieces(self, lines: list[str], size: int) -> list[Block | list[Row]]:
        """So many rows, the first of which are in these lines; only a piece with a line that is no row is read row by row."""
        text, pieces = chain(lines, self._text), list[Block | list[Row]]()
        while size and (few := list(islice(text, min(size, _PIECE)))):
            plain = self._parser.are_rows(few)
            piece = self._block(few) if plain else list(islice(self._rows(chain(few, text)), len(few)))
            size -= len(few) if isinstance(piece, Block) else len(piece)
            if piece:
                pieces.append(piece)
        return pieces

    def _header(self) -> list[str]:
        first = next(self._raw_rows(self._text), None)
        if first is None:
            return []
        if first.cells is None:
            raise BadFile("the header is not valid CSV; check for a quote that is open or out of place")
        return first.cells

    def _rows(self, text: Iterable[str]) -> Iterator[Row]:
        for row in self._raw_rows(text):
            if row.endless is not None:
                raise BadFile(f"the cell that begins on line {row.endless} does not end; check for an open quote")
            if len(row.text) > 1:
                self._look_inside(row)
            if row.cells is None:
                yield Row(row.line, ["".join(row.text)], fault="not_csv")
            else:
                yield self._parser.row(row.line, row.cells)

    def _raw_rows(self, text: Iterable[str]) -> Iterator[RawRow]:
        raw = RawRows(text, self.dialect.delimiter, self.lines)
        for row in raw:
            self.lines = raw.lines
            yield row
        self.lines = raw.lines

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
        places = [(each, at) for each, at in self._parser.inputs if each.kind == NUMBER and at is not None]
        wide = len(cells) == len(self.header)
        return wide and all(isinstance(self.dialect.value(cells[at].strip('"'), each), float | None) for each, at in places)
