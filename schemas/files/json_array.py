"""A JSON array of orders, alone or as a request has it, under `orders`. It is read order by order, so it may be of any length.

Its orders are counted instead of its lines, since all may be on one. Its results are JSON lines.
"""

import json
import re
from collections.abc import Iterable, Iterator

from schemas.files import jsonl
from schemas.files.row import BadFile, Layout

BEGINNING = re.compile(r'\s*(?P<wrapped>\{\s*"orders"\s*:\s*)?\[\s*')
_NEXT = re.compile(r"\s*(?:,\s*(?=[^\s\]])|(?=\]))")
_ENDS = frozenset(" \t\r\n,]")
_LONGEST = 2**20
_JSON = json.JSONDecoder()


class Reader(jsonl.Reader):
    """Reads the orders of an array from pieces of its text. Raises BadFile where the text cannot be divided into orders."""

    def __init__(self, text: Iterable[str], layout: Layout) -> None:
        super().__init__(text, layout)
        self._pieces = iter(text)
        self._left, self._at = "", 0

    def _texts(self) -> Iterator[tuple[int, str]]:
        self.lines = 1
        begins = self._match(BEGINNING)
        number = 0
        while self._left[self._at] != "]":
            number += 1
            yield number, self._element()
            self._match(_NEXT)
        self._at += 1
        rest, closing = self._left[self._at :], "}" if begins["wrapped"] else ""
        while closing.startswith(rest.strip()) and (piece := next(self._pieces, "")):
            rest += piece
        self.lines += rest.rstrip().count("\n")
        if rest.strip() != closing:
            raise BadFile(f"there is text after the array, on line {self.lines}; a file has one array of orders")

    def _element(self) -> str:
        while True:
            try:
                _, end = _JSON.raw_decode(self._left, self._at)
                if self._left[end : end + 1] in _ENDS:  # a number may continue in the next piece
                    return self._advance(end)
            except ValueError:  # it may be complete with the next piece
                pass
            except RecursionError:
                raise self._indivisible() from None
            self._read_on()

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        while (found := pattern.match(self._left, self._at)) is None or found.end() == len(self._left):
            self._read_on()
        self._advance(found.end())
        return found

    def _advance(self, end: int) -> str:
        text = self._left[self._at : end]
        self.lines += text.count("\n")
        self._at = end
        return text

    def _read_on(self) -> None:
        left, piece = self._left[self._at :], next(self._pieces, "")
        if not piece or len(left) > _LONGEST:
            raise self._indivisible()
        self._left, self._at = left + piece, 0

    def _indivisible(self) -> BadFile:
        return BadFile(f"what begins on line {self.lines} is not a complete order, or the array does not end")
