"""Messages of Arrow made by hand, as no writer makes them: tables of Flatbuffers whose parts may be shared."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Part = Callable[[bytearray, dict[int, int]], int]
"""Writes itself behind what is there, or finds itself there, and gives its position."""


def _once(write: Callable[[bytearray, dict[int, int]], int]) -> Part:
    def part(content: bytearray, written: dict[int, int]) -> int:
        key = id(part)
        if key not in written:
            content += bytes(-len(content) % 8)
            written[key] = -1
            written[key] = write(content, written)
        return written[key]

    return part


def table(fields: Mapping[int, Any]) -> Part:
    """A table: by the number of a field, its form and value, or the part that it refers to."""

    def write(content: bytearray, written: dict[int, int]) -> int:
        count = max(fields, default=-1) + 1
        slots, size = [8 + 8 * number if number in fields else 0 for number in range(count)], 8 + 8 * count
        begin = len(content)
        content += struct.pack(f"<{2 + count}H", 4 + 2 * count, size, *slots)
        content += bytes(-len(content) % 8)
        at = len(content)
        content += struct.pack("<i", at - begin) + bytes(size - 4)
        for number, value in fields.items():
            place = at + slots[number]
            form, given = ("<I", value(content, written) - place) if callable(value) else value
            struct.pack_into(form, content, place, given)
        return at

    return _once(write)


def text(value: bytes) -> Part:
    """A text."""
    return _raw(struct.pack("<I", len(value)) + value + b"\0")


def vector(*parts: Part) -> Part:
    """A vector of tables, which may be the same."""

    def write(content: bytearray, written: dict[int, int]) -> int:
        at = len(content)
        content += struct.pack("<I", len(parts)) + bytes(4 * len(parts))
        for place, part in enumerate(parts):
            begin = at + 4 + 4 * place
            struct.pack_into("<I", content, begin, part(content, written) - begin)
        return at

    return _once(write)


def structs(form: str, rows: Sequence[tuple[int, ...]]) -> Part:
    """A vector of structs."""
    return _raw(struct.pack("<I", len(rows)) + b"".join(struct.pack(form, *row) for row in rows))


def _raw(value: bytes) -> Part:
    def write(content: bytearray, written: dict[int, int]) -> int:
        at = len(content)
        content += value
        return at

    return _once(write)


def message(kind: int, header: Part, body: bytes = b"") -> bytes:
    """A message of version 5: 1 is a schema, 2 a dictionary and 3 a record batch."""
    content = bytearray(8)
    root = table({0: ("<h", 4), 1: ("<b", kind), 2: header, 3: ("<q", len(body))})
    struct.pack_into("<I", content, 0, root(content, {}))
    content += bytes(-len(content) % 8)
    return struct.pack("<Ii", 2**32 - 1, len(content)) + bytes(content) + body
