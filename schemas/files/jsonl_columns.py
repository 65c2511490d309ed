"""Orders in JSON read as columns, where all have the same names in the same order and no nested values.

A parser keeps the last of two members with the same name, so a name given twice must be found in another way. Without a
backslash, each member of an object is one colon outside of strings: one colon more means a name given twice.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from schemas.fields import well_formed

REJECTED = {"line", "reason", "row"}
"""The names of a rejected row."""

_ORDER = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_NUMBERS = {int, float}
_LARGE = 2**64


def read(
    texts: Sequence[str], names: Mapping[str, str], reserved: Collection[str], ids_as_text: bool
) -> tuple[list[str], list[list[float]]] | None:
    """The ids, and the numbers of each feature, of these texts; None where one has a fault or cannot be read so.

    `names` has the file's names by those of the model: of the order id, then of each feature.
    """
    text = "".join(texts)
    if "\\" in text or not well_formed(text):
        return None
    try:
        orders = list(map(_ORDER.decode, texts))
    except ValueError:
        return None
    members = tuple(orders[0])
    if set(map(tuple, orders)) != {members} or set(members) == REJECTED or not set(reserved).isdisjoint(members):
        return None
    columns = dict(zip(members, zip(*map(dict.values, orders), strict=True), strict=True))
    types = {name: set(map(type, column)) for name, column in columns.items()}
    strings = "".join("".join(filter(_is_text, column)) for name, column in columns.items() if str in types[name])
    if text.count(":") != len(texts) * (len(members) + "".join(members).count(":")) + strings.count(":"):
        return None
    order_id, *features = names.values()
    if order_id not in columns or any(not _NUMBERS.issuperset(types.get(name, {str})) for name in features):
        return None
    if not ({str, int} if ids_as_text else {str}).issuperset(types[order_id]):
        return None
    if any(int in types[name] and _has_large(column) for name, column in columns.items()):
        return None
    return list(map(str, columns[order_id])), [list(columns[name]) for name in features]


def _is_text(value: object) -> bool:
    return type(value) is str


def _has_large(column: Sequence[object]) -> bool:
    """Whether an integer has so many digits that it is not taken as one, or does not fit into a float."""
    return any(type(value) is int and abs(value) >= _LARGE for value in column)
