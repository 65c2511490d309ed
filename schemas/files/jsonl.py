"""JSON lines: orders as one JSON object a line. The output repeats the text of each line as it was."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from schemas import strict_json
from schemas.faults import MalformedBody
from schemas.fields import well_formed
from schemas.files.row import BadFile, Layout, Row
from schemas.result import Result

_LINE_ENDS = re.compile(r"\s*[\r\n]\s*")
_REJECTED = {"line", "reason", "row"}


class Reader:
    """Reads the rows of a file. Lines of white space are skipped. A rejected row of an earlier run is the order that it has."""

    def __init__(self, text: Iterable[str], layout: Layout) -> None:
        self.lines = 0
        self._text = text
        self._names = layout.names
        self._used = frozenset(self._names.values())
        self._ids_as_text = layout.ids_as_text
        self._reserved = layout.reserved

    def __iter__(self) -> Iterator[Row]:
        empty = True
        for number, text in self._texts():
            empty = False
            yield self._row(number, text)
        if empty:
            raise BadFile("the file is empty: it has no order")

    def value(self, row: Row, name: str) -> Any:
        """The value of a row under any name, None if the row does not have it."""
        return strict_json.read(row.source[0].encode()).get(name)

    def _texts(self) -> Iterator[tuple[int, str]]:
        """The number of the line of each order, and its text."""
        for line in self._text:
            self.lines += 1
            text = line.strip(" \t\r\n")
            if text:
                yield self.lines, text

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
        if found.keys() == _REJECTED and isinstance(found["row"], str):
            return self._row(number, found["row"].strip(" \t\r\n"))
        if not found.keys().isdisjoint(self._reserved):
            return Row(number, [text], fault="reserved_name")
        order = {name: found[column] for name, column in self._names.items() if column in found}
        try:
            json.dumps([value for name, value in found.items() if name not in self._used], allow_nan=False)
        except (ValueError, RecursionError):
            return Row(number, [text], fault="not_json")
        if self._ids_as_text and type(order.get("order_id")) is int:
            order["order_id"] = str(order["order_id"])
        return Row(number, [text], order)


class Writer:
    """Writes rows with their results, or rejected rows with their line number and the reason. There is no header."""

    def __init__(self, stream: TextIO, reader: Any, *, rejected: bool, added: Mapping[str, Any] | None = None) -> None:
        self._stream = stream
        self._added = added or {}

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results: the text of the line, with the names of the result and what is added at the end."""
        for row, result in scored:
            outside = {"out_of_range": result.out_of_range} if result.out_of_range else {}
            added = json.dumps({"score": result.score, "queue": result.queue, **outside, **self._added})
            self._stream.write(f"{_one_line(row)[:-1].rstrip()}, {added[1:]}\n")

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows: an object with `line`, `reason` and, under `row`, the text of the order, to correct there."""
        for row, reason in rejected:
            self._stream.write(json.dumps({"line": row.line, "reason": reason, "row": row.source[0]}) + "\n")


def _one_line(row: Row) -> str:
    """The text of an order on one line: its line ends are between its names and values."""
    return _LINE_ENDS.sub(" ", row.source[0])
