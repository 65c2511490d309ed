"""Board: one text in memory that all workers share, so that a new one knows what the others have seen.

The memory is made before the workers are forked. It has two places; a text is written where none is being read, behind its
SHA-256 and its length, and then one byte turns to it. So a worker killed while it writes takes nothing away, and what two
wrote at once is not taken for a text.
"""

import mmap
from hashlib import sha256

_DIGEST, _LENGTH = 32, 8


class Board:
    """Room for a text of so many bytes."""

    def __init__(self, limit: int) -> None:
        self._size = _DIGEST + _LENGTH + limit
        self._memory = mmap.mmap(-1, 1 + 2 * self._size)

    def write(self, text: bytes) -> None:
        """Put this text in the place of the one that stands there."""
        place = 1 - self._memory[0]
        first = 1 + place * self._size
        entry = sha256(text).digest() + len(text).to_bytes(_LENGTH) + text
        self._memory[first : first + len(entry)] = entry
        self._memory[0] = place

    def read(self) -> bytes | None:
        """The text, or None where none stands whole."""
        first = 1 + self._memory[0] * self._size
        head = self._memory[first : first + _DIGEST + _LENGTH]
        length = min(int.from_bytes(head[_DIGEST:]), self._size - len(head))
        text = self._memory[first + len(head) : first + len(head) + length]
        return text if sha256(text).digest() == head[:_DIGEST] else None
