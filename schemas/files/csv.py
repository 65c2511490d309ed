"""Writes CSV files: results and rejected rows, in the dialect of the orders."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, TextIO

from schemas.explanation import Explanation
from schemas.files import explanation_cells, header
from schemas.files.csv_reader import Reader
from schemas.files.csv_rows import FORMULA, writer
from schemas.files.dialect import COMMAS, Dialect
from schemas.files.number_text import number_texts
from schemas.files.row import REJECT_NAMES, RESULT_NAMES, Columns, Ranked, Row, input_columns
from schemas.result import Result, ScoredBatch, named, queues, results

_FORMULA = re.compile(f"[{re.escape(FORMULA)}]")


def safe_cells(cells: Iterable[Any], dialect: Dialect = COMMAS) -> list[Any]:
    """The cells, with an apostrophe before each text that a spreadsheet would take for a formula. Numbers are no text."""
    return [
        f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not dialect.is_number(cell) else cell for cell in cells
    ]


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

    A result has the columns `names`. After it come the values of `added`, under their names, and the columns `explained` of an
    explanation. If `safe`, all are safe_cells.
    """

    def __init__(
        self,
        stream: TextIO,
        reader: Reader,
        *,
        rejected: bool,
        names: Sequence[str] = RESULT_NAMES,
        added: Mapping[str, Any] | None = None,
        explained: Sequence[str] = (),
        safe: bool = False,
    ) -> None:
        self.write = stream.write
        self._end = cache(self._end_of)
        self._middle = cache(self._middle_of)
        self._dialect = reader.dialect
        self._cells = file_writer(stream, self._dialect.delimiter)
        self._rows: Callable[[Iterable[Any]], Iterable[Any]] = (
            partial(map, partial(safe_cells, dialect=self._dialect)) if safe else iter
        )
        self._added = [self._text(value) for value in (added or {}).values()]
        self.inputs = input_columns(names)
        self._no_cells = [""] * len(explained)
        self.no_explanation = self._dialect.delimiter * len(explained)
        columns = reader.header
        self._rejected = header.rejected_before(columns)
        self._formula = re.compile(rf'(?:^|[\n{re.escape(self._dialect.delimiter)}])"?{_FORMULA.pattern}') if safe else None
        first = [*REJECT_NAMES, *columns[self._rejected :]] if rejected else [*columns, *names, *(added or {}), *explained]
        self._cells.writerows(self._rows([first]))

    def text(self, rows: Sequence[Row], scored: ScoredBatch) -> str:
        """The text of rows with their results, for `write`: the same as `results` writes."""
        if not isinstance(rows, Columns) or self._has_formula(rows):
            return self._text_of(self._result_rows(zip(rows, results(scored), strict=True)))
        delimiter = self._dialect.delimiter
        ends = map(self._end, *named(scored, self.inputs))
        columns = rows.outputs, self._scores(scored), queues(scored), ends, self.explanations(scored)
        return "".join(
            [
                f"{output}{delimiter}{score}{delimiter}{queue}{end}{explanation}\n"
                for output, score, queue, end, explanation in zip(*columns, strict=True)
            ]
        )

    def explanations(self, scored: ScoredBatch) -> list[str]:
        """The text of the explanation of each row, for `ranked`."""
        found, orders = scored.explanations, len(scored.decoded.batch)
        if found is None:
            return [""] * orders
        delimiter, none = self._dialect.delimiter, self.no_explanation
        return [none if one is None else delimiter + self._text_of([self._cells_of(one)])[:-1] for one in found.each(orders)]

    def _cells_of(self, explanation: Explanation | None) -> list[Any]:
        return self._no_cells if explanation is None else list(map(self._text, explanation_cells.cells(explanation)))

    def beginnings(self, rows: Sequence[Row], scored: ScoredBatch) -> list[str]:
        """The text of each row up to its score, for `ranked`."""
        if isinstance(rows, Columns) and not self._has_formula(rows):
            return list(map(self._dialect.delimiter.join, zip(rows.outputs, self._scores(scored), strict=True)))
        cells = self._rows([*row.source, self._text(score)] for row, score in zip(rows, scored.scores.values, strict=True))
        return [self._text_of([each])[:-1] for each in cells]

    def ranked(self, rows: Ranked) -> str:
        """The text of these rows, for `write`."""
        quote = '"' if self._dialect.delimiter.isdigit() else ""
        end = quote + self._text_of(self._rows([["", "", *self._added]]))[1:-1]
        middles = map(self._middle, rows.queues, *rows.named)
        found = zip(rows.beginnings, middles, rows.ranks, rows.explanations, strict=True)
        return "".join(
            [f"{beginning}{middle}{quote}{rank}{end}{explanation}\n" for beginning, middle, rank, explanation in found]
        )

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results: the cells of the row, those of the result, and what is added."""
        self._cells.writerows(self._result_rows(scored))

    def _result_rows(self, scored: Iterable[tuple[Row, Result]]) -> Iterable[Any]:
        return self._rows(
            [
                *row.source,
                self._text(result.score),
                result.queue,
                *self._names(result),
                *self._added,
                *self._cells_of(result.explanation),
            ]
            for row, result in scored
        )

    def _names(self, result: Result) -> list[str]:
        return [" ".join(getattr(result, what)) for what in self.inputs]

    def _has_formula(self, rows: Columns) -> bool:
        return self._formula is not None and self._formula.search("\n".join(rows.outputs)) is not None

    def _scores(self, scored: ScoredBatch) -> list[str]:
        texts = number_texts(scored.scores.scores)
        return texts if self._dialect.decimal != "," else " ".join(texts).replace(".", ",").split()

    def _text_of(self, rows: Iterable[Any]) -> str:
        stream = io.StringIO(newline="")
        file_writer(stream, self._dialect.delimiter).writerows(rows)
        return stream.getvalue()

    def _end_of(self, *named: tuple[str, ...]) -> str:
        """The cells of a line after the queue, when the result names these inputs, which spaces separate."""
        return self._text_of(self._rows([["", *map(" ".join, named), *self._added]]))[:-1]

    def _middle_of(self, queue: str, *named: tuple[str, ...]) -> str:
        """What is between a score and a rank, when the result names these inputs."""
        return self._text_of(self._rows([["", queue, *map(" ".join, named), ""]]))[:-1]

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows, each with the reason. The file can be scored once the cells are corrected in it."""
        rows = ([row.line, reason, *(row.source[self._rejected :] or row.source)] for row, reason in rejected)
        self._cells.writerows(self._rows(rows))

    def _text(self, value: Any) -> Any:
        return self._dialect.number(value) if isinstance(value, float) else value
