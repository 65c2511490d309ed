"""Table: orders as CSV under a header line. Columns that the model does not know are carried through.

A cell of a feature is a number as JSON writes it; an empty cell is null. What is neither stays text, for the schema to
refuse. Lines are counted as the file has them: the header is line 1, and a quoted cell may run over several.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from schemas.base import well_formed
from schemas.rows import RESULT_NAMES, BadFile, Row

_REFUSAL = ("refused_line", "refused_reason")
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

    def results(self, scored: Iterable[tuple[Row, Mapping[str, Any]]]) -> None:
        """Scored rows; features outside their range are parted by spaces."""
        for row, result in scored:
            names = " ".join(result.get("out_of_range", ()))
            self._cells.writerow([*row.source, result["score"], result["queue"], names])

    def refusals(self, refused: Iterable[tuple[Row, str]]) -> None:
        """Refused rows: mended in place, the file can be scored again as it is, and what is refused then once more."""
        self._cells.writerows([row.line, reason, *(row.source[self._mended :] or row.source)] for row, reason in refused)
