"""Records: {"orders": [{"order_id": "A-104", "backlog": 3, …}, …]}, checked against one model's features.

This is where orders become a Batch, whatever door they came through. Every fault of every order is found, each with
its place; the sound orders of a faulty batch come out all the same, for whoever asked for them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from marshmallow import Schema, ValidationError, fields

from model.batch import Batch
from schemas import document
from schemas.base import ORDER_ID_LENGTH, Number, OrderId, Strict, well_formed
from schemas.problem import Fault

SPARE_NAMES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What came in: the `batch` of the sound orders, each one's `positions` among all, the `faults` of the others."""

    batch: Batch
    positions: Sequence[int]
    faults: Sequence[Fault]

    def refuse(self, rows: Mapping[int, Sequence[Fault]]) -> "Decoded":
        """Without these rows of the batch, whose faults join the others in the order of their positions."""
        kept = [row for row in range(len(self.batch)) if row not in rows]
        faults = [*self.faults, *(fault for found in rows.values() for fault in found)]
        return Decoded(
            Batch([self.batch.ids[row] for row in kept], self.batch.matrix[kept]),
            [self.positions[row] for row in kept],
            _in_order(faults),
        )


class Orders(fields.List[Any]):
    """A list of orders, each loaded by `order`; a ValidationError maps positions to names to codes."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_list"}

    def __init__(self, order: Schema, max_orders: int) -> None:
        super().__init__(fields.Nested(order), required=True, metadata={"minItems": 1, "maxItems": max_orders})
        self.order = order
        self.max_orders = max_orders

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not value:
            raise ValidationError("empty_batch")
        if len(value) > self.max_orders:
            raise ValidationError("too_many_orders")
        oversized = {position for position, order in enumerate(value) if _too_many_names(order, self.order)}
        errors: dict[int, dict[str, list[str]]] = {}
        try:
            rows: Any = self.order.load([{} if at in oversized else order for at, order in enumerate(value)], many=True)
        except ValidationError as error:
            rows, errors = error.valid_data, cast(dict[int, dict[str, list[str]]], error.messages)
        for position, order in enumerate(value):
            for name in () if position in oversized else getattr(order, "repeated", ()):
                errors.setdefault(position, {}).setdefault(name, []).append("duplicate_key")
        for position in _sharing_an_id(value):
            errors.setdefault(position, {}).setdefault("order_id", []).append("duplicate_order_id")
        for position in oversized:
            errors[position] = {"_schema": ["too_many_names"]}
        if errors:
            raise ValidationError(errors, valid_data=rows)
        return list(rows)


class Records:
    """The contract of a model with these `features`, for batches of at most `max_orders` orders."""

    def __init__(self, features: Sequence[str], max_orders: int) -> None:
        numbers = {f"x{index}": Number(required=True, data_key=name) for index, name in enumerate(features)}
        order = Strict.from_dict({"order_id": OrderId(required=True), **numbers}, name="Order")
        self.schema = Strict.from_dict({"orders": Orders(order(), max_orders)}, name="Batch")()
        self.features = features

    def decode(self, body: bytes) -> Decoded:
        """The orders in a JSON body. Raises NotJSON."""
        return self.check(document.read(body))

    def check(self, batch: Any) -> Decoded:
        """The orders in a decoded body {"orders": [{…}, …]}."""
        if _too_many_names(batch, self.schema):
            return self._decoded([], [Fault("too_many_names")])
        faults = [Fault("duplicate_key", name=name) for name in getattr(batch, "repeated", ())]
        try:
            rows = self.schema.load(batch)["orders"]
        except ValidationError as error:
            faults += _faults(error.messages_dict, batch)
            rows = cast(dict[str, Any], error.valid_data).get("orders", [])
        return self._decoded(rows, faults)

    def orders(self, orders: list[Any]) -> Decoded:
        """The orders of a list, which may be empty: part of a file that is a batch as a whole."""
        return self.check({"orders": orders}) if orders else self._decoded([], [])

    def _decoded(self, rows: Sequence[Mapping[str, Any]], faults: Sequence[Fault]) -> Decoded:
        refused = {fault.position for fault in faults}
        sound = [position for position in range(len(rows)) if position not in refused]
        values = [[rows[position][f"x{column}"] for column in range(len(self.features))] for position in sound]
        matrix = np.array(values, np.float64).reshape(len(sound), len(self.features))
        return Decoded(Batch([rows[position]["order_id"] for position in sound], matrix), sound, _in_order(faults))


def pointer(fault: Fault) -> str:
    """The fault's place in a records body, as a JSON pointer (RFC 6901); a name over 128 characters is cut."""
    parts = [] if fault.position is None else ["orders", str(fault.position)]
    if fault.name is not None:
        name = fault.name[:ORDER_ID_LENGTH].encode("utf-8", "replace").decode("utf-8")
        parts.append(name.replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in parts)


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Those of the batch as a whole first, then by the order's position; at one place, by name."""
    return sorted(faults, key=lambda fault: (-1 if fault.position is None else fault.position, fault.name or ""))


def _too_many_names(value: Any, schema: Schema) -> bool:
    return isinstance(value, dict) and len(value) > len(schema.fields) + SPARE_NAMES


def _usable_id(order: Any) -> str | None:
    value = order.get("order_id") if isinstance(order, dict) else None
    usable = isinstance(value, str) and 1 <= len(value) <= ORDER_ID_LENGTH and well_formed(value)
    return value if usable else None


def _sharing_an_id(orders: list[Any]) -> list[int]:
    ids = [_usable_id(order) for order in orders]
    counts = Counter(ids)
    return [position for position, order_id in enumerate(ids) if order_id is not None and counts[order_id] > 1]


def _faults(messages: Mapping[str, Any], batch: Any) -> Iterator[Fault]:
    for name, found in messages.items():
        if isinstance(found, dict):
            for position, by_name in sorted(found.items()):
                order_id = _usable_id(batch["orders"][position])
                for inner, codes in by_name.items():
                    yield from (Fault(code, position, _name(inner, code), order_id) for code in codes)
        else:
            yield from (Fault(code, None, _name(name, code)) for code in found)


def _name(name: str, code: str) -> str | None:
    return None if code in ("not_an_object", "too_many_names") else name
