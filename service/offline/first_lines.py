"""The line on which each order id of a file is first: 24 bytes an id, however long it is.

An id is kept as a keyed digest of 16 bytes. Two ids of a file with 20 million have the same digest with a probability below
1e-24, and nobody can make two, because the key is random. Digests of 8 bytes would reject valid orders.
"""

import hashlib
import secrets
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_BYTES = 16
_PARTS = 256
_RECENT = 200_000
_NUMBERS = np.arange(_PARTS + 1)

Digests = npt.NDArray[np.bytes_]


class FirstLines:
    """The latest ids are in a dict, all others in sorted arrays, one for each first byte of a digest."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_BYTES)
        self._recent: dict[bytes, int] = {}
        self._digests: list[Digests] = [np.empty(0, f"S{_BYTES}")] * _PARTS
        self._lines: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)] * _PARTS

    def add(self, ids: Sequence[str], lines: Sequence[int]) -> list[int]:
        """The line on which each of these ids was first, its own where it is new."""
        digests = [
            hashlib.blake2b(each.encode("utf-8", "surrogatepass"), digest_size=_BYTES, key=self._key).digest() for each in ids
        ]
        earlier = self._earlier(digests)
        found = [
            earlier[digest] if digest in earlier else self._recent.setdefault(digest, line)
            for digest, line in zip(digests, lines, strict=True)
        ]
        if len(self._recent) >= _RECENT:
            self._merge()
        return found

    def _earlier(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        """The lines of those digests that are in the arrays."""
        found: dict[bytes, int] = {}
        wanted, _ = _sorted(digests)
        for part, begin, end in _parts(wanted):
            known = self._digests[part]
            at = np.searchsorted(known, wanted[begin:end])
            at[at == len(known)] = 0
            for hit in np.flatnonzero(known[at] == wanted[begin:end]) if len(known) else ():
                found[wanted[begin + hit].ljust(_BYTES, b"\0")] = int(self._lines[part][at[hit]])
        return found

    def _merge(self) -> None:
        digests, order = _sorted(list(self._recent))
        lines = np.fromiter(self._recent.values(), np.int64, len(order))[order]
        self._recent = {}
        for part, begin, end in _parts(digests):
            at = np.searchsorted(self._digests[part], digests[begin:end])
            self._digests[part] = np.insert(self._digests[part], at, digests[begin:end])
            self._lines[part] = np.insert(self._lines[part], at, lines[begin:end])


def _sorted(digests: Sequence[bytes]) -> tuple[Digests, npt.NDArray[np.intp]]:
    found = np.frombuffer(b"".join(digests), f"S{_BYTES}")
    order = np.argsort(found)
    return found[order], order


def _parts(digests: Digests) -> list[tuple[int, int, int]]:
    """Where the digests of each part begin and end in sorted ones, of the parts that have any."""
    ends = np.searchsorted(digests.view(np.uint8)[::_BYTES], _NUMBERS).tolist()
    return [(part, begin, end) for part, (begin, end) in enumerate(pairwise(ends)) if begin < end]
