"""The fast path for JSON bodies: everything that makes a valid batch cheap to read.

The fast path returns the batch, or None if it does not accept the body; it reports no faults. It is fast for four reasons:

1. msgspec reads the body straight into structs made of the model's feature names, so names and types are checked while
   the JSON is parsed. The shape is guessed from the first bytes; a wrong guess costs a second reading and nothing else.
2. A marshmallow field checks the batch as a whole, not order by order: `BatchValidator.typed` looks at whole columns of
   numbers with NumPy. The field loads it without a schema, which would cost twice as much as the field.
3. msgspec keeps the last of two members with the same name, so a name given twice must be found in another way. Every name is
   required and no other is allowed, so a body of a given shape has a known number of colons outside its strings. Without a
   backslash, the colons inside strings are those of the order ids. One colon more means a name given twice. The colons of
   records, and the commas of columns, also bound what msgspec builds.
4. Attributes of many structs are read by comprehensions compiled for the attribute's name, in half the time of an attrgetter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from traceback import clear_frames
from typing import Any

import msgspec
from marshmallow import ValidationError, fields

from schemas.formats.bounds import Bounds, count
from schemas.validation import BatchValidator, DecodedBatch

_FIRST_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Shape:
    """`parse` gives ids and columns, or raises ValueError. A number of orders has `colons(number)` outside of strings."""

    format: str
    parse: Callable[[bytes], tuple[list[str], list[list[float]]]]
    colons: Callable[[int], int]


class _Typed(fields.Field[DecodedBatch]):
    """Ids, columns and format. It loads to the batch that the validator makes of them."""

    def __init__(self, validator: BatchValidator) -> None:
        super().__init__(required=True)
        self._typed = validator.typed

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> DecodedBatch:
        decoded = self._typed(*value)
        if decoded is None:
            raise self.make_error("validator_failed")
        return decoded


class FastReader:
    """Reads the valid JSON bodies of one model."""

    def __init__(self, validator: BatchValidator, bounds: Bounds) -> None:
        self._bounds = bounds
        self._records = _records(validator.features)
        self._columns = _columns(validator.features)
        self._batch = _Typed(validator)

    def read(self, content: bytes) -> DecodedBatch | None:
        """The batch of a valid body without a backslash; None for any other body."""
        shape, colons = self._records, count(content, ":")
        if seems_columns(content):
            shape = self._columns
            if count(content, ",") > self._bounds.values:
                return None
        if colons > self._bounds.names or content.find(b"\\") >= 0:  # `in` takes twice the time
            return None
        try:
            decoded = self._batch.deserialize((*shape.parse(content), shape.format))
        except (ValueError, ValidationError) as error:
            clear_frames(error.__traceback__)  # one of marshmallow's holds the error, which holds the body
            return None
        if colons != shape.colons(len(decoded.batch)) + "".join(decoded.batch.ids).count(":"):
            return None
        return decoded


def seems_columns(content: bytes) -> bool:
    """Whether a body is likely to be one of columns, by its first bytes."""
    return content.find(b'"order_ids"', 0, _FIRST_BYTES) >= 0 or content.find(b'"columns"', 0, _FIRST_BYTES) >= 0


def _records(features: Sequence[str]) -> _Shape:
    names = {f"x{index}": name for index, name in enumerate(features)}
    members = [("order_id", str), *((key, float) for key in names)]
    order = msgspec.defstruct("Order", members, rename=names, forbid_unknown_fields=True, gc=False)
    batch = msgspec.defstruct("Batch", [("orders", list[order])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(batch).decode
    ids, *values = (_attribute(name) for name, _ in members)

    def parse(content: bytes) -> tuple[list[str], list[list[float]]]:
        orders = decode(content).orders
        return ids(orders), [value(orders) for value in values]

    return _Shape("records", parse, lambda orders: 1 + orders * len(members))


def _columns(features: Sequence[str]) -> _Shape:
    names = {f"x{index}": name for index, name in enumerate(features)}
    lists = [(key, list[float]) for key in names]
    by_feature = msgspec.defstruct("FeatureColumns", lists, rename=names, forbid_unknown_fields=True)
    members = [("order_ids", list[str]), ("columns", by_feature)]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(
        msgspec.defstruct("Columns", members, forbid_unknown_fields=True)
    ).decode

    def parse(content: bytes) -> tuple[list[str], list[list[float]]]:
        found = decode(content)
        return found.order_ids, list(msgspec.structs.astuple(found.columns))

    return _Shape("columns", parse, lambda orders: len(members) + len(lists))


def _attribute(name: str) -> Callable[[list[Any]], list[Any]]:
    """A function that reads this attribute of each order in a list."""
    compiled: Callable[[list[Any]], list[Any]] = eval(f"lambda orders: [order.{name} for order in orders]")  # noqa: S307
    return compiled
