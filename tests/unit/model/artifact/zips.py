"""Zip archives made byte by byte, whose headers say what no zip writer would write."""

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from tests.model_files import GOOD, described, members, npy, zipped

MEGABYTE = 2**20
STORED, DEFLATED = 0, 8


class Packed(NamedTuple):
    """The bytes of a member, and the method, checksum and size in its headers."""

    name: str
    content: bytes
    method: int
    checksum: int
    size: int


def stored(name: str, content: bytes) -> Packed:
    return Packed(name, content, STORED, zlib.crc32(content), len(content))


def laid_out(content: Iterable[Packed]) -> bytes:
    """The archive of these members, with headers as given."""
    full = list(content)
    body, directory = bytearray(), bytearray()
    for name, packed, method, checksum, size in full:
        said = struct.pack("<5H3L2H", 20, 0, method, 0, 33, checksum, len(packed), size, len(name), 0)
        directory += struct.pack("<4sH26s3H2L", b"PK\1\2", 20, said, 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\3\4" + said + name.encode() + packed
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(full), len(full), len(directory), len(body), 0)
    return bytes(body + directory) + end


def packed(content: bytes, flush: int = zlib.Z_FINISH) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(flush)


def with_packed(member: Packed) -> bytes:
    """The valid file with this member in its place."""
    return laid_out(member if member.name == name else stored(name, content) for name, content in members().items())


def deflated(content: bytes, stated: bytes, size: int | None = None) -> bytes:
    """The valid file with this packed mean, whose headers are those of the bytes `stated`."""
    return with_packed(Packed("mean.npy", content, DEFLATED, zlib.crc32(stated), len(stated) if size is None else size))


def zeros(name: str, size: int, stated: int | None = None) -> Packed:
    """An array of this many bytes of zeros, packed to a thousandth; its headers give the size `stated`."""
    said = size if stated is None else stated
    header = described("'|u1'", f"({said},)") if name == "manifest" else described("'<f8'", f"({said // 8},)")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    begun = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum, block = zlib.crc32(header), bytes(MEGABYTE)
    for _ in range(size // MEGABYTE):
        checksum = zlib.crc32(block, checksum)
    content = begun + packed(block, zlib.Z_FULL_FLUSH) * (size // MEGABYTE) + packer.flush()
    return Packed(f"{name}.npy", content, DEFLATED, checksum, len(header) + said)


def crowd(count: int) -> bytes:
    """An archive of this many empty members."""
    return zipped((f"w{number}.npy", b"") for number in range(count))


def entry_of(name: str, data: bytes = GOOD) -> int:
    """Where a member's entry in the directory begins."""
    return data.index(name.encode(), data.index(b"PK\1\2")) - 46


def header_of(name: str, data: bytes = GOOD) -> int:
    """Where a member's header begins."""
    return data.index(name.encode()) - 30


def patched(offset: int, form: str, *values: int | bytes, data: bytes = GOOD) -> bytes:
    """The file with these numbers at this offset; a negative one counts from the end."""
    full = bytearray(data)
    struct.pack_into(form, full, offset, *values)
    return bytes(full)


def patched_twice(name: str, offset: int, form: str, *values: int) -> bytes:
    """The valid file with these numbers in a member's header, and in its entry, where they are two bytes further."""
    once = patched(header_of(name) + offset, form, *values)
    return patched(entry_of(name) + offset + 2, form, *values, data=once)


def quoted() -> bytes:
    """An archive whose mean holds the member behind it, header and all, and whose directory lists both."""
    inner = zipped([("scale.npy", npy([2.0, 2.0, 2.0]))])
    mean = inner[: inner.index(b"PK\1\2")]
    data = laid_out([stored("mean.npy", mean), stored("scale.npy", npy([2.0, 2.0, 2.0]))])
    return patched(entry_of("scale.npy", data) + 42, "<L", 38, data=data)


def longer(offset: int, content: bytes, data: bytes = GOOD) -> bytes:
    """The file with this behind the name of its last entry, as an extra field (30) or a comment (32)."""
    data = patched(entry_of("b2.npy") + offset, "<H", len(content), data=data)
    length = struct.unpack_from("<L", data, len(data) - 10)[0]
    return patched(-10, "<L", length + len(content), data=data[:-22] + content + data[-22:])


def in_zip64() -> bytes:
    """The valid file whose last entry has its sizes behind its name, in 64 bits."""
    extra = struct.pack("<2H2Q", 1, 16, 136, 136)
    return longer(30, extra, patched(entry_of("b2.npy") + 20, "<2L", 2**32 - 1, 2**32 - 1))


def ended_in_zip64() -> bytes:
    """The valid file with an end record in 64 bits before the one in 32."""
    count, length, start = struct.unpack_from("<H2L", GOOD, len(GOOD) - 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    return GOOD[:-22] + record + struct.pack("<4sLQL", b"PK\6\7", 0, len(GOOD) - 22, 1) + GOOD[-22:]
