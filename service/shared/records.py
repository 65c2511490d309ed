"""Board: texts in memory that all workers share, a row for each, so that any of them knows what the others have written.

The memory is made before the workers are forked. A row has two places: a text is written where none is being read, behind its
SHA-256 and its length, and then one aligned number turns to it. So a worker killed while it writes takes nothing away, who
reads meanwhile gets the text before or after, and what two wrote at once is not taken for a text. A text that has no room is
refused and changes nothing.
"""

import mmap
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

_DIGEST, _LENGTH, _TURN = 32, 8, 8


class SharedRecords:
    """Room for `rows` texts of so many bytes each. Pages never touched cost nothing."""

    def __init__(self, limit: int, rows: int = 1) -> None:
        self._limit = limit
        self._size = _DIGEST + _LENGTH + limit
        self._memory = mmap.mmap(-1, rows * (_TURN + 2 * self._size))
        self._turns = np.frombuffer(self._memory, np.int64, rows)

    def write(self, text: bytes, row: int = 0) -> None:
        """Put this text in the place of the one that stands in the row. Raises ValueError where it has no room."""
        if len(text) > self._limit:
            raise ValueError(f"{len(text)} bytes have no room where there are {self._limit}")
        turn = int(self._turns[row]) + 1
        first = self._place(row, turn)
        entry = sha256(text).digest() + len(text).to_bytes(_LENGTH) + text
        self._memory[first : first + len(entry)] = entry
        self._turns[row] = turn

    def read(self, row: int = 0) -> bytes | None:
        """The row's text, or None where none stands whole."""
        while True:
            turn = int(self._turns[row])
            text = self._text(self._place(row, turn))
            if int(self._turns[row]) == turn:
                return text

    def texts(self) -> Iterator[bytes]:
        """All that stand whole, by row."""
        for row, turn in enumerate(self._turns.tolist()):  # read once: nonzero goes over them twice and fails if one changes
            if turn and (text := self.read(row)) is not None:
                yield text

    def _text(self, first: int) -> bytes | None:
        head = self._memory[first : first + _DIGEST + _LENGTH]
        length = min(int.from_bytes(head[_DIGEST:]), self._limit)
        text = self._memory[first + len(head) : first + len(head) + length]
        return text if sha256(text).digest() == head[:_DIGEST] else None

    def _place(self, row: int, turn: int) -> int:
        return _TURN * len(self._turns) + (2 * row + turn % 2) * self._size
