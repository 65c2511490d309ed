"""The fast path for JSON bodies: everything that makes a valid batch cheap to read.

The fast path returns the batch, or None if it does not accept the body; it reports no faults. It is fast for four reasons:

1. msgspec reads the body straight into structs made of the model's feature names, so names and types are checked while
   the JSON is parsed. The shape is guessed from the first bytes; a wrong guess costs a second reading and nothing else.
2. A marshmallow field checks the batch as a whole, not order by order: `BatchValidator.typed` looks at whole columns of
   numbers with NumPy. The field loads it without a schema, which would cost twice as much as the field.
3. msgspec keeps the last of two members with the same name, so a name given twice must be found in another way. No name is
   allowed that is not known, and what an order lacks is counted, so a body of a given shape has a known number of colons
   outside its strings. Without a backslash, the colons inside strings are those of the order ids and categories. One colon
   more means a name given twice. The colons of records, and the commas of columns, also bound what msgspec builds.
4. Attributes of many structs are read by comprehensions compiled for the attribute's name, in half the time of an attrgetter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from traceback import clear_frames
from typing import Any

import msgspec
from marshmallow import ValidationError, fields
from msgspec import UNSET, UnsetType

from model.core.manifest import CATEGORY, NONE, Input
from schemas.formats.bounds import Bounds, count
from schemas.validation import BatchValidator, DecodedBatch

_FIRST_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Shape:
    """`parse` gives ids, columns, and how many colons are outside of the texts in both; or it raises ValueError."""

    format: str
    parse: Callable[[bytes], tuple[list[str], list[list[Any]], int]]


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
        self._records = _records(validator)
        self._columns = _columns(validator)
        self._batch = _Typed(validator)
        contexts = range(len(validator.inputs), len(validator.names))
        self._with_colons = [*(at for at, each in enumerate(validator.inputs) if _may_have_colons(each)), *contexts]

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
            ids, columns, outside = shape.parse(content)
            decoded = self._batch.deserialize((ids, columns, shape.format))
        except (ValueError, ValidationError) as error:
            clear_frames(error.__traceback__)  # one of marshmallow's holds the error, which holds the body
            return None
        inside = "".join(ids).count(":")
        for at in self._with_colons:
            inside += "".join(filter(None, columns[at])).count(":")
        return decoded if colons == outside + inside else None


def seems_columns(content: bytes) -> bool:
    """Whether a body is likely to be one of columns, by its first bytes."""
    return content.find(b'"order_ids"', 0, _FIRST_BYTES) >= 0 or content.find(b'"columns"', 0, _FIRST_BYTES) >= 0


def _records(validator: BatchValidator) -> _Shape:
    kinds = [*map(_type, validator.inputs), *(str | None for _ in validator.contexts)]
    optional = [*(each.optional for each in validator.inputs), *(True for _ in validator.contexts)]
    members = [
        (f"x{at}", kind | UnsetType, absent) if may_lack else (f"x{at}", kind)
        for at, (kind, may_lack, absent) in enumerate(zip(kinds, optional, validator.columns.absent, strict=True))
    ]
    order = _struct("Order", validator, [("order_id", str), *members], gc=False)
    batch = msgspec.defstruct("Batch", [("orders", list[order])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(batch).decode
    ids, *readers = (_attribute(name) for name in ("order_id", *(f"x{at}" for at in range(len(members)))))
    ignored = [_attribute(f"i{at}") for at in range(len(validator.also_accepts))]

    def parse(content: bytes) -> tuple[list[str], list[list[Any]], int]:
        orders = decode(content).orders
        columns = [read(orders) for read in readers]
        colons = 1 + len(orders) * (1 + len(columns)) - validator.columns.count_absent(columns)
        for read in ignored:
            colons += _colons(read(orders))
        return ids(orders), columns, colons

    return _Shape("records", parse)


def _columns(validator: BatchValidator) -> _Shape:
    kinds = [*map(_type, validator.inputs), *(str | None for _ in validator.contexts)]
    optional = [*(each.optional for each in validator.inputs), *(True for _ in validator.contexts)]
    may_lack = [at for at, each in enumerate(optional) if each]
    lists = [
        (f"x{at}", list[kind] | UnsetType, UNSET) if at in may_lack else (f"x{at}", list[kind])  # type: ignore[valid-type]
        for at, kind in enumerate(kinds)
    ]
    members = [("order_ids", list[str]), ("columns", _struct("FeatureColumns", validator, lists))]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(
        msgspec.defstruct("Columns", members, forbid_unknown_fields=True)
    ).decode

    def parse(content: bytes) -> tuple[list[str], list[list[Any]], int]:
        found = decode(content)
        columns = list(msgspec.structs.astuple(found.columns))
        colons = len(members) + len(lists)
        if ignored := columns[len(lists) :]:
            colons += _colons(ignored)
            del columns[len(lists) :]
        for at in may_lack:
            if columns[at] is UNSET:
                columns[at] = [None] * len(found.order_ids)
                colons -= 1
        return found.order_ids, columns, colons

    return _Shape("columns", parse)


def _struct(name: str, validator: BatchValidator, members: Sequence[tuple[Any, ...]], **options: Any) -> type[msgspec.Struct]:
    """A struct of these members and, as they were written, of those that the model also accepts."""
    ignored = [(f"i{at}", msgspec.Raw | UnsetType, UNSET) for at in range(len(validator.also_accepts))]
    names = {f"x{at}": each for at, each in enumerate(validator.names)}
    names |= {f"i{at}": each for at, each in enumerate(validator.also_accepts)}
    return msgspec.defstruct(name, [*members, *ignored], rename=names, forbid_unknown_fields=True, kw_only=True, **options)


def _colons(ignored: Iterable[Any]) -> int:
    """The colons of members that are ignored, as they were written, and after their names."""
    given = [each for each in ignored if each is not UNSET]
    return len(given) + b"".join(given).count(b":")


def _type(of: Input) -> Any:
    found = str if of.kind == CATEGORY else float
    return found | None if of.optional else found


def _may_have_colons(of: Input) -> bool:
    return of.kind == CATEGORY and (of.unknown == NONE or any(":" in value for value in of.values))


def _attribute(name: str) -> Callable[[list[Any]], list[Any]]:
    """A function that reads this attribute of each order in a list."""
    compiled: Callable[[list[Any]], list[Any]] = eval(f"lambda orders: [order.{name} for order in orders]")  # noqa: S307
    return compiled
