"""Flatbuffers: reads the tables of a message's metadata, every position checked against its end.

Only what is asked for is read, so that the reader decides how much there may be of it: tables, vectors and texts may share
their bytes, so a few bytes may describe any amount.
"""

from collections.abc import Iterator
from struct import Struct
from struct import error as struct_error

from schemas.faults import MalformedBody

INT8, INT16, INT32, INT64 = Struct("<b"), Struct("<h"), Struct("<i"), Struct("<q")
_UINT16, _UINT32 = Struct("<H"), Struct("<I")
_OFFSETS = [Struct(f"<{count}H") for count in range(8)]
"""Of so many fields, more than is asked for of any table."""


class Table:
    """The table at a position of `content`. Its fields are found by their numbers. All methods raise MalformedBody."""

    __slots__ = ("_at", "_content", "_offsets")

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        slots = at - _unpacked(content, INT32, at)
        if slots < 0:
            raise malformed()
        fields = max(0, _unpacked(content, _UINT16, slots) // 2 - 2)
        try:
            self._offsets: tuple[int, ...] = _OFFSETS[min(fields, len(_OFFSETS) - 1)].unpack_from(content, slots + 4)
        except struct_error:
            raise malformed() from None

    @classmethod
    def root(cls, content: bytes) -> "Table":
        """The table that the content begins with."""
        return cls(content, _unpacked(content, _UINT32, 0))

    def number(self, field: int, of: Struct, absent: int = 0) -> int:
        """The number in a field."""
        at = self._position(field)
        return absent if at is None else _unpacked(self._content, of, at)

    def table(self, field: int) -> "Table | None":
        """The table in a field."""
        at = self._position(field)
        return None if at is None else Table(self._content, at + _unpacked(self._content, _UINT32, at))

    def text(self, field: int, most: int) -> bytes:
        """The text in a field, cut behind `most` bytes; empty for none."""
        begin, count = self._vector(field)
        if count > len(self._content) - begin:
            raise malformed()
        return self._content[begin : begin + min(count, most)]

    def count(self, field: int) -> int:
        """How many entries the vector in a field has."""
        return self._vector(field)[1]

    def tables(self, field: int) -> Iterator["Table"]:
        """The tables in the vector in a field."""
        begin, count = self._vector(field)
        for at in range(begin, begin + 4 * count, 4):
            yield Table(self._content, at + _unpacked(self._content, _UINT32, at))

    def structs(self, field: int, of: Struct) -> list[tuple[int, ...]]:
        """The structs in the vector in a field."""
        begin, count = self._vector(field)
        end = begin + of.size * count
        if end > len(self._content):
            raise malformed()
        return list(of.iter_unpack(self._content[begin:end]))

    def _vector(self, field: int) -> tuple[int, int]:
        """Where the entries of a vector begin, and how many there are."""
        at = self._position(field)
        if at is None:
            return 0, 0
        begin = at + _unpacked(self._content, _UINT32, at)
        return begin + 4, _unpacked(self._content, _UINT32, begin)

    def _position(self, field: int) -> int | None:
        offset = self._offsets[field] if field < len(self._offsets) else 0
        return self._at + offset if offset else None


def _unpacked(content: bytes, of: Struct, at: int) -> int:
    try:
        number: int = of.unpack_from(content, at)[0]
    except struct_error:
        raise malformed() from None
    return number


def malformed() -> MalformedBody:
    """The error for metadata that cannot be read."""
    return MalformedBody("the metadata of a message of the Arrow stream cannot be read; write the stream with an Arrow library")
