"""Members: the files in a zip archive, in which every byte has its place.

    a header and the packed content, member after member, from the first byte on
    the directory: an entry a member, in the order in which they lie
    the end record: the last 22 bytes

An archive that is laid out otherwise is refused: members left out, over each other or apart, bytes before, between or
behind them, a header that disagrees with its entry, more members or more content than the limits. What zip64 would add is
not needed below 4 GB and not read. A member is stored or deflated; its content comes out whole, with the size and the
checksum of its entry, or not at all. The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.4.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model.errors import BadArray, TooLarge, Unreadable

MOST = 2001
# What the members of an archive may hold, however small it is, and how many times its own bytes.
_FREELY = 16 * 2**20
_SWELLING = 100
_STORED, _DEFLATED = 0, 8
# Flags that change nothing here: how hard deflate tried, a descriptor behind the content (written to a stream), UTF-8.
_STREAMED = 1 << 3
_FLAGS = 0b110 | _STREAMED | 1 << 11
_NOTHING: tuple[int, ...] = (0,)
_DESCRIPTORS: tuple[int, ...] = (12, 16, 20, 24)
_IN_ZIP64 = 2**32 - 1
_PLAIN = re.compile(r"([a-z0-9_]{1,32})(\.npy)?")
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_HEADER = struct.Struct("<4s5H3L2H")


class _Entry(NamedTuple):
    """A member in the directory. `name`, `extra` and `comment` are lengths; `start` is where its header lies."""

    mark: bytes
    made: int
    needed: int
    flags: int
    method: int
    time: int
    date: int
    checksum: int
    packed: int
    size: int
    name: int
    extra: int
    comment: int
    disk: int
    internal: int
    external: int
    start: int


class _Header(NamedTuple):
    """What stands before a member's content. `name` and `extra` are lengths."""

    mark: bytes
    needed: int
    flags: int
    method: int
    time: int
    date: int
    checksum: int
    packed: int
    size: int
    name: int
    extra: int


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: its `name` there, and its `size` unpacked, in bytes."""

    name: str
    size: int
    _checksum: int
    _deflated: bool
    _packed: memoryview

    @property
    def place(self) -> str:
        """What an error calls it: the array's name if that is plain, else the file."""
        plain = _PLAIN.fullmatch(self.name)
        return plain[1] if plain else "file"

    def beginning(self, most: int) -> bytes:
        """The first `most` bytes or fewer, not yet known to be sound. Raises Unreadable."""
        return self._unpacked(self._packed[: 4 * most], most)[0]

    def content(self) -> bytes:
        """All bytes. Raises Unreadable if they are not those that the directory tells of."""
        content, whole = self._unpacked(self._packed, self.size + 1)
        if not whole or len(content) != self.size or zlib.crc32(content) != self._checksum:
            raise Unreadable(self.place, "its bytes are not those that the zip directory tells of")
        return content

    def _unpacked(self, packed: memoryview, most: int) -> tuple[bytes, bool]:
        """At most so many bytes, and whether the packed ones end where the content does."""
        if not self._deflated:
            return bytes(packed[:most]), True
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, most)
        except zlib.error as error:
            raise Unreadable(self.place, "its bytes cannot be unpacked") from error
        return content, inflater.eof and not inflater.unused_data


def read(data: bytes, limit: int) -> list[Member]:
    """The members, which together hold at most `limit` bytes. Nothing is unpacked. Raises ModelError."""
    try:
        return list(_members(data, min(limit, max(_FREELY, _SWELLING * len(data)))))
    except struct.error as error:
        raise _unsound() from error


def _members(data: bytes, most: int) -> Iterator[Member]:
    end = len(data) - _END.size
    mark, disk, first_disk, here, count, length, directory, comment = _END.unpack_from(data, end)
    if mark != b"PK\5\6" or (disk, first_disk, here, comment) != (0, 0, count, 0):
        raise _unsound()
    if count > MOST:
        raise TooLarge("file", f"over {MOST} members")
    place, position, gaps, total = directory, 0, _NOTHING, 0
    for _ in range(count):
        entry = _Entry._make(_ENTRY.unpack_from(data, place))
        name = data[place + _ENTRY.size : place + _ENTRY.size + entry.name]
        header = _Header._make(_HEADER.unpack_from(data, entry.start))
        begin = entry.start + _HEADER.size + header.name + header.extra
        if entry.mark != b"PK\1\2" or entry.start - position not in gaps or begin + entry.packed > directory:
            raise _unsound()
        position = begin + entry.packed
        packed = memoryview(data)[begin:position]
        member = Member(name.decode("latin-1"), entry.size, entry.checksum, entry.method == _DEFLATED, packed)
        total += entry.size
        if entry.flags & ~_FLAGS or entry.method not in (_STORED, _DEFLATED):
            raise BadArray(member.place, "encrypted, or compressed by a method other than deflate")
        if total > most:
            raise TooLarge("file", f"its members take more than {most} bytes unpacked")
        if not _agree(entry, header) or data[entry.start + _HEADER.size : begin - header.extra] != name:
            raise _unsound()
        place += _ENTRY.size + entry.name + entry.extra + entry.comment
        gaps = _DESCRIPTORS if entry.flags & _STREAMED else _NOTHING
        yield member
    if place != end or place - directory != length or directory - position not in gaps:
        raise _unsound()


def _agree(entry: _Entry, header: _Header) -> bool:
    """Whether a header says what its entry does; a stream's could not yet tell checksum and sizes."""
    if header.mark != b"PK\3\4" or (header.flags, header.method) != (entry.flags, entry.method):
        return False
    if entry.method == _STORED and entry.packed != entry.size:
        return False
    if entry.flags & _STREAMED:
        return True
    sizes = zip((header.packed, header.size), (entry.packed, entry.size), strict=True)
    return header.checksum == entry.checksum and all(said in (size, _IN_ZIP64) for said, size in sizes)


def _unsound() -> Unreadable:
    return Unreadable("file", "not a sound zip archive")
