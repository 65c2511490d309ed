"""Order ids that a file has more than once: found by hashes, so that few texts are in memory, and compared as texts."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.files.arrow_texts import Hashes, hashes


class RepeatedIds:
    """The rows of a file whose id is in an earlier row. To find them takes 16 bytes of memory a row."""

    def __init__(self) -> None:
        self._hashes: list[Hashes] = []
        self._rows: list[int] = []
        self._firsts: list[int] = []

    def add(self, texts: Any) -> None:
        """Take the ids of further rows, unless they have been compared."""
        if not self._rows:
            self._hashes.append(hashes(texts))

    def compare(self, columns: Iterable[Any]) -> bool:
        """Whether rows are repeated. If hashes are, it reads the texts of all ids once more, in arrays."""
        ordered = np.concatenate([np.empty(0, np.uint64), *self._hashes])
        self._hashes.clear()
        ordered.sort()
        shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        firsts, begin = dict[str, int](), 0
        for texts in columns if len(shared) else ():
            rows = np.flatnonzero(np.isin(hashes(texts), shared))
            for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
                number = begin + row + 1
                if text is not None and firsts.setdefault(text, number) != number:
                    self._rows.append(begin + row)
                    self._firsts.append(firsts[text])
            begin += len(texts)
        return bool(self._rows)

    def within(self, begin: int, count: int) -> dict[int, int]:
        """Those of so many rows from `begin` on, numbered from it, with the number of the earlier row in the file, from 1."""
        first, end = bisect_left(self._rows, begin), bisect_left(self._rows, begin + count)
        return {row - begin: line for row, line in zip(self._rows[first:end], self._firsts[first:end], strict=True)}
