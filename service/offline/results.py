"""The results of a file: what each chunk adds to them, in any process, and how one process writes them."""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

from schemas.files.row import Row, Writer
from schemas.result import Result, results
from schemas.selection import Selection
from service.offline.chunks import ScoredChunk, taken


class Results(ABC):
    """Results that go to one writer. Close them, also after an error."""

    @abstractmethod
    def of(self, chunk: ScoredChunk) -> Any:
        """What a chunk adds to the results. It may be called in any process and changes nothing."""

    @abstractmethod
    def add(self, content: Any) -> None:
        """Take what the next chunk adds."""

    def end(self) -> Selection | None:
        """Write what is not written yet. Returns the selection, if there is one."""
        return None

    def close(self) -> None:  # noqa: B027  # most results keep nothing
        """Release what the results keep beside memory."""


class AllResults(Results):
    """All results, in the order of the file."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def of(self, chunk: ScoredChunk) -> str:
        """The text of the results."""
        return self._writer.text(chunk.rows, chunk.scored)

    def add(self, content: str) -> None:
        """Write the text."""
        self._writer.write(content)


Scored = list[tuple[Row, Result]]


class HighestResults(Results):
    """The `top` highest scores, ties by order id."""

    def __init__(self, writer: Writer, top: int) -> None:
        self._writer, self._top = writer, top
        self._kept: Scored = []

    def of(self, chunk: ScoredChunk) -> Scored:
        """The highest scores of the chunk."""
        scores, found = chunk.scored.scores.scores, results(chunk.scored)
        least = np.partition(scores, -self._top)[-self._top] if len(scores) > self._top else 0.0
        positions = np.flatnonzero(scores >= least).tolist()
        return self._highest(zip(taken(chunk.rows, positions), [found[at] for at in positions], strict=True))

    def add(self, content: Scored) -> None:
        """Keep the highest."""
        self._kept = self._highest([*self._kept, *content])

    def end(self) -> None:
        """Write the highest."""
        self._writer.results(self._kept)

    def _highest(self, scored: Iterable[tuple[Row, Result]]) -> Scored:
        return heapq.nsmallest(self._top, scored, key=lambda scored: (-scored[1].score, scored[1].order_id))
