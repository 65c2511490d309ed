"""The fast path for JSON bodies: everything that makes a valid batch cheap to read.

The fast path returns the batch, or None if it does not accept the body; it reports no faults. It is fast for four reasons:

1. msgspec reads the body straight into structs made of the model's feature names, so names and types are checked while
   the JSON is parsed. The shape is guessed from the first bytes; a wrong guess costs a second reading and nothing else.
2. The marshmallow schema of the shape checks the batch as a whole, not order by order: `BatchValidator.typed` looks at whole
   columns of numbers with NumPy.
3. msgspec keeps the last of two members with the same name, so a name given twice must be found in another way. Every name is
   required and no other is allowed, so a body of a given shape has a known number of colons outside its strings. Without a
   backslash, the colons inside strings are those of the order ids. One colon more means a name given twice. The colons of
   records, and the commas of columns, also bound what msgspec builds.
4. Attributes of many structs are read by comprehensions compiled for the attribute's name, in half the time of an attrgetter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from traceback import clear_frames
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError

from schemas.formats import json_columns, json_records
from schemas.formats.bounds import Bounds, count
from schemas.validation import BatchValidator, DecodedBatch

_FIRST_BYTES, _NAMES_OF_COLUMNS = 64, (b'"order_ids"', b'"columns"')


@dataclass(frozen=True, slots=True)
class _Shape:
    """`parse` makes what `schema` loads. `colons` gives the number of colons outside strings for a number of orders."""

    parse: Callable[[bytes], dict[str, Any]]
    schema: Schema
    colons: Callable[[int], int]


class FastReader:
    """Reads the valid JSON bodies of one model."""

    def __init__(self, validator: BatchValidator, bounds: Bounds) -> None:
        self._bounds = bounds
        self._records = _records(validator)
        self._columns = _columns(validator)

    def read(self, content: bytes) -> DecodedBatch | None:
        """The batch of a valid body without a backslash; None for any other body."""
        shape, colons = self._records, count(content, ":")
        if seems_columns(content):
            shape = self._columns
            if count(content, ",") > self._bounds.values:
                return None
        if colons > self._bounds.names or b"\\" in content:
            return None
        try:
            decoded: DecodedBatch | None = shape.schema.load(shape.parse(content))["decoded"]
        except (ValueError, ValidationError) as error:
            clear_frames(error.__traceback__)  # one of marshmallow's holds the error, which holds the body
            return None
        if decoded is None or colons != shape.colons(len(decoded.batch)) + "".join(decoded.batch.ids).count(":"):
            return None
        return decoded


def seems_columns(content: bytes) -> bool:
    """Whether a body is likely to be one of columns, by its first bytes."""
    return any(name in content[:_FIRST_BYTES] for name in _NAMES_OF_COLUMNS)


def _records(validator: BatchValidator) -> _Shape:
    names = {f"x{index}": name for index, name in enumerate(validator.features)}
    members = [("order_id", str), *((key, float) for key in names)]
    order = msgspec.defstruct("Order", members, rename=names, forbid_unknown_fields=True, gc=False)
    batch = msgspec.defstruct("Batch", [("orders", list[order])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(batch).decode
    ids, *values = (_attribute(name) for name, _ in members)

    def typed(orders: list[Any]) -> DecodedBatch | None:
        return validator.typed(ids(orders), [value(orders) for value in values], "records")

    def parse(content: bytes) -> dict[str, Any]:
        return {"orders": decode(content).orders}

    return _Shape(parse, json_records.schema(validator, typed), lambda orders: 1 + orders * len(members))


def _columns(validator: BatchValidator) -> _Shape:
    names = {f"x{index}": name for index, name in enumerate(validator.features)}
    lists = [(key, list[float]) for key in names]
    by_feature = msgspec.defstruct("FeatureColumns", lists, rename=names, forbid_unknown_fields=True)
    members = [("order_ids", list[str]), ("columns", by_feature)]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(
        msgspec.defstruct("Columns", members, forbid_unknown_fields=True)
    ).decode

    def parse(content: bytes) -> dict[str, Any]:
        found = decode(content)
        return {"order_ids": found.order_ids, "columns": {name: getattr(found.columns, key) for key, name in names.items()}}

    return _Shape(
        parse,
        json_columns.schema(validator, partial(validator.typed, format="columns")),
        lambda orders: len(members) + len(lists),
    )


def _attribute(name: str) -> Callable[[list[Any]], list[Any]]:
    """A function that reads this attribute of each order in a list."""
    compiled: Callable[[list[Any]], list[Any]] = eval(f"lambda orders: [order.{name} for order in orders]")  # noqa: S307
    return compiled
