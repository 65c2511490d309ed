"""The line on which each order id of a file is first: 24 bytes an id, however long it is.

An id is kept as two hashes of 8 bytes with random keys. Two ids of a file with 20 million have the same two with a probability
below 1e-24. One hash of 8 bytes would reject valid orders.
"""

import secrets
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_KEY_BYTES = 16
_PARTS = 64
_RECENT = 200_000
_BEGINS = np.array([part * (2**64 // _PARTS) - 2**63 for part in range(_PARTS)], np.int64)

Integers = npt.NDArray[np.int64]


class FirstLines:
    """The latest ids are in one table. All others are in a table for each range of hashes, since a table is copied to grow."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES).decode("latin-1")
        self._recent = _Table()
        self._parts = [_Table() for _ in range(_PARTS)]

    def add(self, ids: Sequence[str], lines: Sequence[int]) -> dict[int, int]:
        """The line on which an id was first, by the position of each of these that was on another line before."""
        digests = self._digests(ids)
        order = np.argsort(digests[0])
        hashes = digests[0][order]
        known = self._find(hashes)
        repeated: dict[int, int] = {}
        if known or (hashes[1:] == hashes[:-1]).any():
            new = np.ones(len(ids), np.bool_)
            for position, (digest, line) in enumerate(zip(zip(*digests.tolist(), strict=True), lines, strict=True)):
                new[position] = digest not in known
                first = known.setdefault(digest, line)
                if first != line:
                    repeated[position] = first
            order = order[new[order]]
        self._recent.insert(np.vstack((digests, lines))[:, order])
        if len(self._recent.hashes) >= _RECENT:
            for part, begin, end in _divided(self._recent.hashes):
                self._parts[part].insert(self._recent.rows[:, begin:end])
            self._recent = _Table()
        return repeated

    def _digests(self, ids: Sequence[str]) -> Integers:
        """(2, n): Python's hash of each id, which is SipHash with a key of the process, and of each after another key."""
        key = self._key
        return np.array([list(map(hash, ids)), [hash(key + each) for each in ids]], np.int64)

    def _find(self, hashes: Integers) -> dict[tuple[int, int], int]:
        found = self._recent.find(hashes)
        for part, begin, end in _divided(hashes):
            found |= self._parts[part].find(hashes[begin:end])
        return found


class _Table:
    """Ids as `rows` (3, n): their two hashes, sorted by the first, and their lines."""

    def __init__(self) -> None:
        self.rows = np.empty((3, 0), np.int64)
        self.hashes: Integers = self.rows[0]

    def find(self, hashes: Integers) -> dict[tuple[int, int], int]:
        """The lines of the ids that have one of these first hashes, by both hashes."""
        if not len(self.hashes):
            return {}
        at = np.searchsorted(self.hashes, hashes)
        at[at == len(self.hashes)] = 0
        found: dict[tuple[int, int], int] = {}
        for value in hashes[self.hashes[at] == hashes]:
            begin, end = (self.hashes.searchsorted(value, side) for side in ("left", "right"))
            found |= {(first, second): line for first, second, line in self.rows[:, begin:end].T.tolist()}
        return found

    def insert(self, rows: Integers) -> None:
        """Insert ids sorted by the first of their hashes."""
        at = np.searchsorted(self.hashes, rows[0]) + np.arange(rows.shape[1])
        old = np.ones(len(self.hashes) + len(at), np.bool_)
        old[at] = False
        merged = np.empty((3, len(old)), np.int64)
        for values, before, added in zip(merged, self.rows, rows, strict=True):
            values[old], values[at] = before, added
        self.rows, self.hashes = merged, merged[0]


def _divided(hashes: Integers) -> Iterator[tuple[int, int, int]]:
    """Where the hashes of each part begin and end in sorted ones, of the parts that have any."""
    ends = [*np.searchsorted(hashes, _BEGINS).tolist(), len(hashes)]
    return ((part, begin, end) for part, (begin, end) in enumerate(pairwise(ends)) if begin < end)
