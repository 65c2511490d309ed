"""JSON lines: orders as one JSON object a line. The output repeats the text of each line as it was."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TextIO

import msgspec

from schemas import strict_json
from schemas.explanation import Explanation
from schemas.faults import MalformedBody
from schemas.fields import well_formed
from schemas.files import jsonl_columns
from schemas.files.number_text import number_texts
from schemas.files.row import RESULT_NAMES, BadFile, Block, Columns, Layout, Ranked, Row, input_columns
from schemas.result import Result, ScoredBatch, named, queues

_LINE_ENDS = re.compile(r"\s*[\r\n]\s*")


class Reader:
    """Reads the rows of a file. Lines of white space are skipped. A rejected row of an earlier run is the order that it has."""

    def __init__(self, text: Iterable[str], layout: Layout) -> None:
        self.lines = 0
        self._text = text
        self.contexts = layout.contexts
        self._names = layout.names
        self._used = frozenset(self._names.values())
        self._layout = layout

    def __iter__(self) -> Iterator[Row]:
        for block in self.blocks(1):
            yield from self.rows(block)

    def blocks(self, size: int) -> Iterator[Block]:
        """The rows in blocks of `size`."""
        texts, empty = self._texts(), True
        while found := list(islice(texts, size)):
            empty = False
            yield Block([number for number, _ in found], [text for _, text in found])
        if empty:
            raise BadFile("the file is empty: it has no order")

    def columns(self, block: Block) -> Columns | None:
        """The rows of a block as columns; None if they cannot be read so."""
        found = jsonl_columns.read(block.texts, self._layout)
        return None if found is None else Columns(*found, list(map(_one_line, block.texts)), block, self.rows)

    def rows(self, block: Block) -> list[Row]:
        """The rows of a block, one by one."""
        return list(map(self._row, block.lines, block.texts))

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
        if found.keys() == jsonl_columns.REJECTED and isinstance(found["row"], str):
            return self._row(number, found["row"].strip(" \t\r\n"))
        if not found.keys().isdisjoint(self._layout.reserved):
            return Row(number, [text], fault="reserved_name")
        order = {name: found[column] for name, column in self._names.items() if column in found}
        try:
            json.dumps([value for name, value in found.items() if name not in self._used], allow_nan=False)
        except (ValueError, RecursionError):
            return Row(number, [text], fault="not_json")
        if self._layout.ids_as_text and type(order.get("order_id")) is int:
            order["order_id"] = str(order["order_id"])
        return Row(number, [text], order)


class Writer:
    """Writes rows with their results, or rejected rows with their line number and the reason. There is no header."""

    no_explanation = ""

    def __init__(
        self,
        stream: TextIO,
        reader: Any,
        *,
        rejected: bool,
        names: Sequence[str] = RESULT_NAMES,
        added: Mapping[str, Any] | None = None,
        explained: Sequence[str] = (),
    ) -> None:
        self.write = stream.write
        self.inputs = input_columns(names)
        self._added = added or {}
        self._end = cache(self._end_of)

    def text(self, rows: Sequence[Row], scored: ScoredBatch) -> str:
        """The text of rows with their results, for `write`: the text of the line, with what is added at the end."""
        ends = map(self._end, *named(scored, self.inputs))
        found = zip(self.beginnings(rows, scored), queues(scored), ends, self.explanations(scored), strict=True)
        return "".join(
            [f'{beginning}, "queue": "{queue}"{end}{explanation}}}\n' for beginning, queue, end, explanation in found]
        )

    def explanations(self, scored: ScoredBatch) -> list[str]:
        """The text of the explanation of each row, for `ranked`."""
        found, orders = scored.explanations, len(scored.decoded.batch)
        return [""] * orders if found is None else list(map(_explained, found.each(orders)))

    def beginnings(self, rows: Sequence[Row], scored: ScoredBatch) -> list[str]:
        """The text of each row up to its score, for `ranked`."""
        outputs = rows.outputs if isinstance(rows, Columns) else [_one_line(row.source[0]) for row in rows]
        return list(map(_beginning, outputs, number_texts(scored.scores.scores)))

    def ranked(self, rows: Ranked) -> str:
        """The text of these rows, for `write`."""
        found = zip(rows.beginnings, rows.queues, rows.ranks, map(self._end, *rows.named), rows.explanations, strict=True)
        return "".join(
            [
                f'{beginning}, "queue": "{queue}", "rank": {rank}{end}{explanation}}}\n'
                for beginning, queue, rank, end, explanation in found
            ]
        )

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows with their results."""
        for row, result in scored:
            end = self._end(*(getattr(result, what) for what in self.inputs))
            beginning = _beginning(_one_line(row.source[0]), repr(result.score))
            self.write(f'{beginning}, "queue": "{result.queue}"{end}{_explained(result.explanation)}}}\n')

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows: an object with `line`, `reason` and, under `row`, the text of the order, to correct there."""
        for row, reason in rejected:
            self.write(json.dumps({"line": row.line, "reason": reason, "row": row.source[0]}) + "\n")

    def _end_of(self, *named: tuple[str, ...]) -> str:
        """The members of a line after the queue, when the result names these inputs."""
        members = {what: names for what, names in zip(self.inputs, named, strict=True) if names} | dict(self._added)
        return f", {json.dumps(members)[1:-1]}" if members else ""


def _beginning(order: str, score: str) -> str:
    return f'{order[:-1].rstrip()}, "score": {score}'


def _explained(explanation: Explanation | None) -> str:
    return "" if explanation is None else f', "explanation": {msgspec.json.encode(explanation).decode()}'


def _one_line(text: str) -> str:
    """The text of an order on one line: its line ends are between its names and values."""
    return _LINE_ENDS.sub(" ", text) if "\n" in text or "\r" in text else text
