"""Orders in JSON read as columns, where all have the same names in the same order and no nested values.

A parser keeps the last of two members with the same name, so a name given twice must be found in another way. Without a
backslash, each member of an object is one colon outside of strings: one colon more means a name given twice.
"""

from collections.abc import Sequence
from types import NoneType
from typing import Any

import msgspec

from schemas.fields import well_formed
from schemas.files.row import Layout
from schemas.order_columns import value_types

REJECTED = {"line", "reason", "row"}
"""The names of a rejected row."""

_ORDER = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_LARGE = 2**64


def read(texts: Sequence[str], layout: Layout) -> tuple[list[str], list[list[Any]]] | None:
    """The ids, and the values of each member of the layout. None where a text has a fault or cannot be read so."""
    text = "".join(texts)
    if "\\" in text or not well_formed(text):
        return None
    try:
        orders = list(map(_ORDER.decode, texts))
    except ValueError:
        return None
    members = tuple(orders[0])
    if set(map(tuple, orders)) != {members} or set(members) == REJECTED or not set(layout.reserved).isdisjoint(members):
        return None
    columns = dict(zip(members, zip(*map(dict.values, orders), strict=True), strict=True))
    types = {name: set(map(type, column)) for name, column in columns.items()}
    strings = "".join("".join(filter(_is_text, column)) for name, column in columns.items() if str in types[name])
    if text.count(":") != len(texts) * (len(members) + "".join(members).count(":")) + strings.count(":"):
        return None
    order_id, *names = layout.names.values()
    if any(
        not value_types(each).issuperset(types.get(name, {NoneType})) for each, name in zip(layout.members, names, strict=True)
    ):
        return None
    if not ({str, int} if layout.ids_as_text else {str}).issuperset(types.get(order_id, {NoneType})):
        return None
    if any(int in types[name] and _has_large(column) for name, column in columns.items()):
        return None
    absent = [None] * len(texts)
    return list(map(str, columns[order_id])), [list(columns.get(name, absent)) for name in names]


def _is_text(value: object) -> bool:
    return type(value) is str


def _has_large(column: Sequence[object]) -> bool:
    """Whether an integer has so many digits that it is not taken as one, or does not fit into a float."""
    return any(type(value) is int and abs(value) >= _LARGE for value in column)
