"""The members of a zip archive without gaps: each byte belongs to a header, to packed content or to the directory.

`zipfile` parses the directory. It reads more than this format allows, so the layout is checked here: members follow each
other from the first byte, the directory follows the last member, the end record is the last 22 bytes, and each header agrees
with its entry in the directory. Zip64 is rejected: no file within the limit needs it. A member is stored or deflated; its
content is returned only if its size and checksum are those of the directory and the packed bytes end where the content does.
The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.4.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.errors import BadArray, TooLarge, Unreadable

MOST = 2001
# The members may hold 16 MB in any archive, and 100 times its bytes in a larger one.
_ALWAYS, _RATIO = 16 * 2**20, 100
_STREAMED, _UTF8 = 1 << 3, 1 << 11
_FLAGS = 0b110 | _STREAMED | _UTF8  # 0b110: how hard deflate tried
_NO_GAP: tuple[int, ...] = (0,)
_DESCRIPTORS: tuple[int, ...] = (12, 16, 20, 24)  # lengths of what follows the content of a member that was written to a stream
_IN_ZIP64 = 2**32 - 1
_PLAIN = re.compile(r"([a-z0-9_]{1,32})(\.npy)?")
_END = struct.Struct("<4s4H2LH")
_HEADER = struct.Struct("<4sH2H2H3L2H")
_ENTRY_SIZE = 46


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: its `name` there, and its `size` unpacked, in bytes."""

    name: str
    size: int
    _checksum: int
    _deflated: bool
    _packed: memoryview

    @property
    def location(self) -> str:
        """The location in an error: the array's name if it is plain, else "file"."""
        plain = _PLAIN.fullmatch(self.name)
        return plain[1] if plain else "file"

    def beginning(self, most: int) -> bytes:
        """At most the first `most` bytes, not yet checked. Raises Unreadable."""
        return bytes(self._unpacked(self._packed[: 4 * most], most)[0])

    def content(self) -> bytes | memoryview:
        """All bytes, not copied where they are stored: while Python copies a large model, no other thread runs.

        Raises Unreadable if they do not match the directory.
        """
        content, complete = self._unpacked(self._packed, self.size + 1)
        if not complete or len(content) != self.size or zlib.crc32(content) != self._checksum:
            raise Unreadable(self.location, "its bytes do not match the zip directory; the file is damaged")
        return content

    def _unpacked(self, packed: memoryview, most: int) -> tuple[bytes | memoryview, bool]:
        """At most `most` bytes, and whether the packed bytes end where the content does."""
        if not self._deflated:
            return packed[:most], True
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, most)
        except zlib.error as error:
            raise Unreadable(self.location, "its bytes cannot be unpacked; the file is damaged") from error
        return content, inflater.eof and not inflater.unused_data


def read(data: bytes, limit: int) -> list[Member]:
    """The members, which hold at most `limit` bytes together. Nothing is unpacked. Raises ModelError."""
    try:
        entries, start = _directory(data)
        return list(_members(memoryview(data)[:start], entries, min(limit, max(_ALWAYS, _RATIO * len(data)))))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise Unreadable("file", "not a valid zip archive") from error


def _directory(data: bytes) -> tuple[list[zipfile.ZipInfo], int]:
    """The entries of the directory, and its offset."""
    mark, disk, first_disk, here, count, length, start, comment = _END.unpack(data[-_END.size :])
    _require(mark == b"PK\5\6" and (disk, first_disk, here, comment) == (0, 0, count, 0))
    if count > MOST:
        raise TooLarge("file", f"over {MOST} members")
    _require(start + length + _END.size == len(data) and b"PK\6\7" not in data[-42:-38])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    position = start
    for entry in entries:
        in_32_bits = struct.pack("<2L", entry.compress_size, entry.file_size), struct.pack("<L", entry.header_offset)
        _require((data[position + 20 : position + 28], data[position + 42 : position + 46]) == in_32_bits)
        position += _ENTRY_SIZE + len(_name(entry)) + len(entry.extra) + len(entry.comment)
    _require((len(entries), position) == (count, start + length))
    return entries, start


def _members(data: memoryview, entries: Sequence[zipfile.ZipInfo], most: int) -> Iterator[Member]:
    position, gaps, total = 0, _NO_GAP, 0
    for entry in entries:
        mark, _, flags, method, _, _, checksum, packed, size, name, extra = _HEADER.unpack_from(data, entry.header_offset)
        begin = entry.header_offset + _HEADER.size + name + extra
        _require(entry.header_offset - position in gaps and begin + entry.compress_size <= len(data))
        position = begin + entry.compress_size
        deflated = entry.compress_type == zipfile.ZIP_DEFLATED
        member = Member(entry.orig_filename, entry.file_size, entry.CRC, deflated, data[begin:position])
        total += entry.file_size
        if entry.flag_bits & ~_FLAGS or not (deflated or entry.compress_type == zipfile.ZIP_STORED):
            raise BadArray(member.location, "encrypted, or compressed by a method other than deflate")
        if total > most:
            raise TooLarge("file", f"its members hold more than {most} bytes")
        _require((mark, flags, method) == (b"PK\3\4", entry.flag_bits, entry.compress_type))
        _require(data[begin - name - extra : begin - extra] == _name(entry))
        _require(deflated or entry.compress_size == entry.file_size)
        if flags & _STREAMED:  # the header was written before its checksum and sizes were known
            gaps = _DESCRIPTORS
        else:
            gaps = _NO_GAP
            _require(checksum == entry.CRC)
            _require(packed in (entry.compress_size, _IN_ZIP64) and size in (entry.file_size, _IN_ZIP64))
        yield member
    _require(len(data) - position in gaps)


def _name(entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a name in the directory."""
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")


def _require(valid: bool) -> None:
    if not valid:
        raise zipfile.BadZipFile
