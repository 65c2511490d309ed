"""JSON lines: orders as one JSON object a line. The output repeats the text of each line as it was."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from schemas import strict_json
from schemas.faults import MalformedBody
from schemas.fields import well_formed
from schemas.files.row import RESULT_NAMES, Row
from schemas.result import Result


class Reader:
    """Reads the rows of a file for a model with these features. Lines of white space are skipped."""

    def __init__(self, lines: Iterable[str], features: Sequence[str]) -> None:
        self._lines = lines
        self.columns: Sequence[str] = ("order_id", *features)

    def __iter__(self) -> Iterator[Row]:
        for number, line in enumerate(self._lines, 1):
            text = line.strip(" \t\r\n")
            if text:
                yield self._row(number, text)

    def value(self, row: Row, name: str) -> Any:
        """The value of a row under any name, None if the row does not have it."""
        return strict_json.read(row.source[0].encode()).get(name)

    def _row(self, number: int, text: str) -> Row:
        if not well_formed(text):
            return Row(number, [text], fault="not_utf8")
        try:
            found = strict_json.read(text.encode("utf-8"))
        except MalformedBody:
            return Row(number, [text], fault="not_json")
        if not isinstance(found, strict_json.Object):
            return Row(number, [text], fault="not_an_object")
        if found.repeated:
            return Row(number, [text], fault="duplicate_key")
        if not found.keys().isdisjoint(RESULT_NAMES):
            return Row(number, [text], fault="reserved_name")
        order = {name: found[name] for name in self.columns if name in found}
        try:
            json.dumps([value for name, value in found.items() if name not in order], allow_nan=False)
        except (ValueError, RecursionError):
            return Row(number, [text], fault="not_json")
        return Row(number, [text], order)


class Writer:
    """Writes rows with their results, or rejected rows with their line number and the reason. There is no header."""

    def __init__(self, stream: TextIO, columns: Sequence[str], *, rejected: bool) -> None:
        self._stream = stream

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results: the text of the line, with the names of the result added at the end."""
        for row, result in scored:
            outside = {"out_of_range": result.out_of_range} if result.out_of_range else {}
            added = json.dumps({"score": result.score, "queue": result.queue, **outside})
            self._stream.write(f"{row.source[0][:-1].rstrip()}, {added[1:]}\n")

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows: an object with `line`, `reason` and, under `row`, the text of the line."""
        for row, reason in rejected:
            self._stream.write(json.dumps({"line": row.line, "reason": reason, "row": row.source[0]}) + "\n")
