"""Rows of a CSV file below its header, which is known: one by one, or many at once as columns."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

from model.core.manifest import NUMBER, Input
from schemas.fields import well_formed
from schemas.files.csv_rows import writer
from schemas.files.dialect import Dialect
from schemas.files.row import Block, Columns, Row

_IN_RESULTS = re.compile(r"[\w.-]")  # a delimiter that `sep=` may name, and with which a score or a queue has quotes


@dataclass(frozen=True, slots=True)
class CsvParser:
    """A `dialect`, the `width` of the header, and the positions of the order id and of each input that the file has.

    A cell with the text `na` is an empty one.
    """

    dialect: Dialect
    width: int
    id_at: int
    inputs: Sequence[tuple[Input, int | None]]
    na: str = ""

    def row(self, line: int, cells: list[str]) -> Row:
        """The row with these cells, which begins on this line."""
        if len(cells) != self.width:
            return Row(line, cells, fault="not_csv", detail=f"it has {len(cells)} cells, the header {self.width}")
        if not all(map(well_formed, cells)):
            return Row(line, cells, fault="not_utf8")
        order = {}
        for each, at in self.inputs:
            if at is None:
                continue
            (cell,) = self._given([cells[at]])
            value = self.dialect.value(cell, each)
            if each.kind == NUMBER and self.dialect.is_ambiguous(value):
                return Row(line, cells, fault="ambiguous_decimal", detail=each.name)
            order[each.name] = value
        return Row(line, cells, {"order_id": cells[self.id_at] or None, **order})

    def rows(self, block: Block) -> list[Row]:
        """The rows of a block, one by one."""
        return list(map(self.row, block.lines, csv.reader(block.texts, strict=True, delimiter=self.dialect.delimiter)))

    def are_rows(self, lines: Sequence[str]) -> bool:
        """Whether each line is a row of its own, with as many cells as the header."""
        if '"' in "".join(lines):
            rows = self._quoted(lines)
            return rows is not None and len(rows) == len(lines) and {self.width}.issuperset(map(len, rows))
        separators = set(map(str.count, lines, repeat(self.dialect.delimiter)))
        return separators == {self.width - 1} and max(map(len, lines)) <= csv.field_size_limit()

    def columns(self, block: Block) -> Columns | None:
        """The rows of a block as columns.

        None if a cell of an input is not of its kind, a cell is not UTF-8, or the delimiter may occur in a result.
        """
        lines, delimiter = block.texts, self.dialect.delimiter
        text = "".join(lines)
        if not well_formed(text) or delimiter == self.dialect.decimal or _IN_RESULTS.match(delimiter):
            return None
        if '"' in text:
            stream = io.StringIO(newline="")
            rows = self._quoted(lines) or []
            writer(stream, delimiter).writerows(rows)
            outputs = stream.getvalue().split("\r\n")[:-1]
            cells = [cell for row in rows for cell in row]
        else:
            outputs = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[: len(lines)]
            cells = delimiter.join(outputs).split(delimiter)
        found = []
        for each, at in self.inputs:
            column = [""] * len(lines) if at is None else self._given(cells[at :: self.width])
            values = self.dialect.values(column, each)
            if values is None:
                return None
            found.append(values)
        return Columns(cells[self.id_at :: self.width], found, outputs, block, self.rows)

    def _given(self, cells: list[str]) -> list[str]:
        return ["" if cell == self.na else cell for cell in cells] if self.na else cells

    def _quoted(self, lines: Sequence[str]) -> list[list[str]] | None:
        try:
            return list(csv.reader(lines, strict=True, delimiter=self.dialect.delimiter))
        except csv.Error:
            return None
