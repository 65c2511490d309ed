"""Bounds what a protobuf message may take in memory, before it is parsed.

An empty field takes two bytes in a file and about a hundred as an object. So fields are counted first: those of all messages
inside, and each byte of packed integers, which grow eightfold. Fields of other wire types than these are rejected.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from model.errors import TooLarge, Unreadable

MOST_FIELDS = 200_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_INTEGERS = frozenset({"INT32", "INT64", "UINT32", "UINT64", "ENUM", "BOOL"})


class _Part(NamedTuple):
    """Where a message begins and ends, and its descriptor."""

    at: int
    end: int
    descriptor: Any


def require_bounded(content: bytes, descriptor: Any) -> None:
    """Raise Unreadable unless these bytes may be a message of this descriptor, and TooLarge for too many fields."""
    parts, fields = [_Part(0, len(content), descriptor)], 0
    while parts:
        at, end, of = parts.pop()
        kinds = _kinds(of)
        while at < end:
            fields += 1
            key, at = _varint(content, at, end)
            wire_type, kind = key & 7, kinds.get(key >> 3)
            if wire_type == _VARINT:
                _, at = _varint(content, at, end)
            elif wire_type == _BYTES:
                length, at = _varint(content, at, end)
                if kind == "integers":
                    fields += length
                elif kind is not None:
                    parts.append(_Part(at, at + length, kind))
                at += length
            else:
                at += _SIZES.get(wire_type, end + 1)
            if at > end:
                raise Unreadable("file", "cut off, or not a protobuf message")
            if fields > MOST_FIELDS:
                raise TooLarge("file", f"over {MOST_FIELDS} fields")


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """The number that begins here, and where it ends."""
    number = 0
    for place, byte in enumerate(content[at : min(end, at + _LONGEST_VARINT)]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise Unreadable("file", "cut off, or not a protobuf message")


@lru_cache(maxsize=64)
def _kinds(descriptor: Any) -> dict[int, Any]:
    """The descriptor of each field that is a message, or "integers" for numbers that may be packed."""
    integers = {getattr(descriptor.fields[0], f"TYPE_{name}") for name in _INTEGERS} if descriptor.fields else set()
    kinds: dict[int, Any] = {}
    for field in descriptor.fields:
        if field.message_type is not None:
            kinds[field.number] = field.message_type
        elif field.type in integers:
            kinds[field.number] = "integers"
    return kinds
