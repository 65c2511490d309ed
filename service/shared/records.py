"""Shared records: texts in memory that forked workers share, a row for each worker, so that any worker can read all.

The memory is made before the workers are forked. A row has two places. A text is written to the place that is not current,
behind its SHA-256 and its length; then one aligned number makes that place current. So a worker killed while it writes loses
nothing, a reader gets the text before or after, and what two workers wrote at once is not taken for a text. A text that is too
long is rejected and changes nothing.
"""

import mmap
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

_DIGEST, _LENGTH, _TURN = 32, 8, 8


class SharedRecords:
    """Room for `rows` texts of at most `limit` bytes each. Pages never touched cost nothing."""

    def __init__(self, limit: int, rows: int = 1) -> None:
        self._limit = limit
        self._size = _DIGEST + _LENGTH + limit
        self._memory = mmap.mmap(-1, rows * (_TURN + 2 * self._size))
        self._turns = np.frombuffer(self._memory, np.int64, rows)

    def write(self, text: bytes, row: int = 0) -> None:
        """Replace the text of the row. Raises ValueError where the text is too long."""
        if len(text) > self._limit:
            raise ValueError(f"the text has {len(text)} bytes, but a row holds {self._limit}")
        turn = int(self._turns[row]) + 1
        first = self._place(row, turn)
        entry = sha256(text).digest() + len(text).to_bytes(_LENGTH) + text
        self._memory[first : first + len(entry)] = entry
        self._turns[row] = turn

    def read(self, row: int = 0) -> bytes | None:
        """The row's text, None where there is no complete one."""
        while True:
            turn = int(self._turns[row])
            text = self._text(self._place(row, turn))
            if int(self._turns[row]) == turn:
                return text

    def texts(self) -> Iterator[bytes]:
        """All complete texts, by row."""
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
