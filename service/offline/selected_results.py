"""The results of a file from which a number of orders is selected for review. It is known only when all orders are scored.

Until then the text of the results and the order ids are in a temporary file, in SQLite's format, so that memory is some bytes
an order however long its row and its id are. SQLite compares texts by their UTF-8, which is the order of code points.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np

from model.core.batch import Flags, Floats
from schemas.files.row import Ranked, Writer
from schemas.result import QUEUES, named
from schemas.selection import Selection
from service.offline.chunks import ScoredChunk
from service.offline.results import Results
from service.scoring.batch import Options
from service.scoring.selection import Candidates, Groups, select, values_of

_TABLES = "CREATE TABLE ids (id TEXT); CREATE TABLE chunks (content BLOB)"
_Texts: TypeAlias = tuple[list[str], list[list[tuple[str, ...]]], list[str]]
_TEXTS = msgspec.msgpack.Decoder(_Texts)


class TemporaryFileFailed(RuntimeError):
    """The temporary file cannot be written or read. The message says why."""


class Unselected(NamedTuple):
    """What a chunk of n orders adds: `scores` and `outside` (n,), `ids`, the `values` of the context, the `beginnings` of the
    results, the inputs that each of them names in each of the writer's columns, and the explanations.
    """

    scores: Floats
    outside: Flags
    ids: Sequence[str]
    values: Sequence[str | None]
    beginnings: list[str]
    named: list[list[tuple[str, ...]]]
    explanations: list[str]


class SelectedResults(Results):
    """All results in the order of the file, with the selection of the first `review_top`, of each group by the context `by`.

    Only they keep their explanations, if only orders for review are `explain`ed.
    """

    def __init__(self, writer: Writer, options: Options) -> None:
        self._writer, self._options, self._review_top = writer, options, options.review_top or 0
        self._groups = Groups(options.by)
        self._scores, self._outside, self._codes = [np.empty(0)], [np.empty(0, np.bool_)], [np.empty(0, np.int32)]
        with _errors():
            self._file = sqlite3.connect("", isolation_level=None)  # a file that has no name and ends with the process
            self._file.executescript(f"PRAGMA temp_store = FILE; PRAGMA journal_mode = OFF; {_TABLES}; BEGIN")

    def of(self, chunk: ScoredChunk) -> Unselected:
        """What is kept of the chunk."""
        decoded, scores = chunk.scored.decoded, chunk.scored.scores
        return Unselected(
            scores.scores,
            np.any(scores.out_of_range, axis=1),
            decoded.batch.ids,
            values_of(decoded, self._groups.by),
            self._writer.beginnings(chunk.rows, chunk.scored),
            named(chunk.scored, self._writer.inputs),
            self._writer.explanations(chunk.scored),
        )

    def add(self, content: Unselected) -> None:
        """Keep it. Raises TemporaryFileFailed."""
        self._scores.append(content.scores)
        self._outside.append(content.outside)
        self._codes.append(self._groups.codes(content.values).astype(np.int32))
        texts = msgspec.msgpack.encode((content.beginnings, content.named, content.explanations))
        with _errors():
            self._file.executemany("INSERT INTO ids VALUES (?)", zip(content.ids, strict=True))
            self._file.execute("INSERT INTO chunks VALUES (?)", (texts,))

    def end(self) -> Selection:
        """Select, and write all results. Raises TemporaryFileFailed."""
        scores, outside = np.concatenate(self._scores), np.concatenate(self._outside)
        with _errors():
            rows = self._file.execute("SELECT rowid - 1 FROM ids ORDER BY id")
            by_id = np.fromiter((row for (row,) in rows), np.int64, len(scores))
        selection = select(
            Candidates(scores, outside, np.concatenate(self._codes), by_id),
            self._groups,
            self._options.policy,
            self._review_top,
        )
        begin, none = 0, self._writer.no_explanation
        for beginnings, names, explanations in self._texts():
            ranks = selection.ranks[begin : begin + len(beginnings)].tolist()
            begin += len(ranks)
            queues = [QUEUES[rank <= self._review_top] for rank in ranks]
            if self._options.explain == "review":
                explanations = [
                    text if rank <= self._review_top else none for text, rank in zip(explanations, ranks, strict=True)
                ]
            self._writer.write(self._writer.ranked(Ranked(beginnings, queues, names, ranks, explanations)))
        return selection

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _texts(self) -> Iterator[_Texts]:
        with _errors():
            for (content,) in self._file.execute("SELECT content FROM chunks ORDER BY rowid"):
                yield _TEXTS.decode(content)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise TemporaryFileFailed(str(error)) from None
