"""Bounds: what a JSON body may have at most of objects, lists, names and values, counted before anything is built of it.

A parsed `{}` takes some hundred bytes, so a small compressed body could take all memory. The bounds leave room for twice the
names and values of the largest batch. A body over them is rejected as a whole, with one fault.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_SPARE = 4096
_CHUNK = 2**18
_SHORT = 2**13  # up to so many bytes, bytes.count takes less time than NumPy's calls


class Bounds:
    """The bounds of bodies with at most so many `orders`, each with so many `members` beside its id.

    The values of `nested` members of an order may be objects or lists.
    """

    def __init__(self, orders: int, members: int, nested: int = 0) -> None:
        values = orders * (1 + members)
        self.names = self.values = 2 * values + _SPARE
        # In this order: a body with too many orders has too many names and values as well.
        most_nested = orders * (1 + nested) + _SPARE
        self._most = {"{": most_nested, "[": most_nested, ":": self.names, ",": self.values}

    def exceeded(self, content: bytes) -> str | None:
        """The code of the fault of a body that has more of anything; None for a body within the bounds."""
        size = len(content)
        most = {sign: limit for sign, limit in self._most.items() if size > limit and count(content, sign, limit) > limit}
        if not most:
            return None
        found = dict.fromkeys(most, 0)
        for outside in _outside_strings(content):
            for sign in most:
                found[sign] += int(np.count_nonzero(outside == ord(sign)))
            if any(found[sign] > most[sign] for sign in most if sign in "{["):
                break
        over = [sign for sign, limit in most.items() if found[sign] > limit]
        if not over:
            return None
        return "too_many_names" if over[0] == ":" else "too_many_orders"


def count(content: bytes, sign: str, most: float = math.inf) -> int:
    """How often an ASCII character occurs in the content. Counting ends where there are more than `most`."""
    if len(content) <= _SHORT:
        return content.count(sign.encode())
    codes, found = np.frombuffer(content, np.uint8), 0
    for start in range(0, len(codes), _CHUNK):
        found += int(np.count_nonzero(codes[start : start + _CHUNK] == ord(sign)))
        if found > most:
            break
    return found


def _outside_strings(content: bytes) -> Iterator[npt.NDArray[np.uint8]]:
    """Pieces of the content, with 0 in place of what is inside of strings.

    In text that is not JSON, a parser and this function agree on what is a string as far as the parser reads.
    """
    if b"\\" in content:
        content = content.replace(rb"\\", b"").replace(rb"\"", b"")
    inside = np.uint8(0)
    for start in range(0, len(content), _CHUNK):
        piece = np.frombuffer(content[start : start + _CHUNK], np.uint8)
        strings = np.bitwise_xor.accumulate((piece == ord('"')).view(np.uint8)) ^ inside
        inside = strings[-1]
        yield np.where(strings, np.uint8(0), piece)
