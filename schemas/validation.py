"""Validation: the rules that a batch must meet to be scored by one model.

There are two ways to the same answer. Whole columns are checked at once, and taken only if every value in them is valid.
Otherwise the orders are loaded one by one by a marshmallow schema, which finds every fault of every order. The valid orders
of a faulty batch are decoded all the same, for callers that ask for them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
from marshmallow import Schema, ValidationError

from model.core.batch import Batch
from schemas.faults import Fault
from schemas.fields import ORDER_ID_LENGTH, Number, OrderId, Strict, well_formed
from schemas.strict_json import Object

SPARE_NAMES = 16
_NUMBERS = {int, float}
_OBJECTS: set[type] = {dict, Object}


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBatch:
    """The `batch` of the valid orders, the `positions` of these among all orders, and the `faults` of the others.

    `received` is the number of orders in the request, also where the batch itself has a fault and no order was checked.
    `format` names the format of the request in schemas.formats.table; it is empty for a file.
    """

    batch: Batch
    positions: Sequence[int]
    faults: Sequence[Fault]
    received: int
    format: str = ""

    def of_format(self, name: str) -> "DecodedBatch":
        """The same batch, received in the format of this name."""
        return DecodedBatch(self.batch, self.positions, self.faults, self.received, name)

    def without(self, rows: Mapping[int, Sequence[Fault]]) -> "DecodedBatch":
        """Without these rows of the batch. Their faults join the others in the order of their positions."""
        kept = [row for row in range(len(self.batch)) if row not in rows]
        faults = [fault for found in rows.values() for fault in found]
        batch = Batch([self.batch.ids[row] for row in kept], self.batch.matrix[kept])
        remaining = DecodedBatch(batch, [self.positions[row] for row in kept], self.faults, self.received, self.format)
        return remaining.joined(faults)

    def joined(self, faults: Iterable[Fault]) -> "DecodedBatch":
        """With these faults too. Faults of the batch itself are first; the others are sorted by position, then by name."""
        found = [*self.faults, *faults]
        found.sort(key=lambda fault: (-1 if fault.position is None else fault.position, fault.path, fault.name or ""))
        return DecodedBatch(self.batch, self.positions, found, self.received, self.format)

    def by_position(self) -> dict[int, list[Fault]]:
        """The faults of each order that has any, without those of the batch itself."""
        found: dict[int, list[Fault]] = {}
        for fault in self.faults:
            if fault.position is not None:
                found.setdefault(fault.position, []).append(fault)
        return found


class BatchValidator:
    """Validates batches of at most `max_orders` orders for a model with these `features`."""

    def __init__(self, features: Sequence[str], max_orders: int) -> None:
        numbers = {f"x{index}": Number(required=True, data_key=name) for index, name in enumerate(features)}
        self.order: Schema = Strict.from_dict({"order_id": OrderId(required=True), **numbers}, name="Order")()
        self.features = tuple(features)
        self.max_orders = max_orders

    def decode(self, orders: list[Any]) -> DecodedBatch:
        """The orders of a list, which may be empty, each with its faults. An Object knows which names it held twice."""
        return self._whole_orders(orders) or self._one_by_one(orders)

    def decode_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch:
        """The orders of ids and columns of the same length, columns in the features' order, each order with its faults."""
        names = ("order_id", *self.features)
        return self._whole_columns(ids, columns) or self.decode(
            [dict(zip(names, values, strict=True)) for values in zip(ids, *columns, strict=True)]
        )

    def typed(self, ids: list[str], columns: Sequence[list[float]]) -> DecodedBatch | None:
        """The batch of ids and columns whose types are known to be right; None if any value is not valid."""
        count = len(ids)
        if not 0 < count <= self.max_orders or len(set(ids)) != count or any(len(column) != count for column in columns):
            return None
        if "" in ids or max(map(len, ids)) > ORDER_ID_LENGTH or not well_formed("".join(ids)):
            return None
        try:
            values = np.fromiter(chain.from_iterable(columns), np.float64, len(columns) * count)
        except OverflowError:
            return None
        if not np.isfinite(values).all():
            return None
        values += 0.0
        return DecodedBatch(Batch(ids, values.reshape(len(columns), count).T), range(count), [], count)

    def rejected(self, received: int, *faults: Fault) -> DecodedBatch:
        """No order of those that were received, for these reasons."""
        return DecodedBatch(Batch([], np.empty((0, len(self.features)))), (), (), received).joined(faults)

    def _whole_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch | None:
        if set(map(type, ids)) != {str} or not all(_NUMBERS.issuperset(map(type, column)) for column in columns):
            return None
        return self.typed(ids, columns)

    def _whole_orders(self, orders: list[Any]) -> DecodedBatch | None:
        if not _OBJECTS.issuperset(map(type, orders)) or set(map(len, orders)) != {len(self.features) + 1}:
            return None
        if type(orders[0]) is Object and any(order.repeated for order in orders):
            return None
        try:
            columns = [[order[name] for order in orders] for name in self.features]
            return self._whole_columns([order["order_id"] for order in orders], columns)
        except KeyError:
            return None

    def _one_by_one(self, orders: list[Any]) -> DecodedBatch:
        errors = self._errors(orders)
        valid = [position for position in range(len(orders)) if position not in errors]
        rows = [orders[position] for position in valid]
        values = [[float(row[name]) for name in self.features] for row in rows]
        matrix = np.array(values, np.float64).reshape(len(valid), len(self.features)) + 0.0
        faults = (
            Fault(code, position, _name(name, code), _usable_id(orders[position]))
            for position, by_name in errors.items()
            for name, codes in by_name.items()
            for code in codes
        )
        return DecodedBatch(Batch([row["order_id"] for row in rows], matrix), valid, (), len(orders)).joined(faults)

    def _errors(self, orders: list[Any]) -> dict[int, dict[str, list[str]]]:
        """Codes by name by position, for the orders that have any."""
        oversized = {position for position, order in enumerate(orders) if too_many_names(order, len(self.order.fields))}
        errors: dict[int, dict[str, list[str]]] = {}
        try:
            self.order.load([{} if at in oversized else order for at, order in enumerate(orders)], many=True)
        except ValidationError as error:
            errors = cast(dict[int, dict[str, list[str]]], error.messages)
        for position, order in enumerate(orders):
            for name in () if position in oversized else getattr(order, "repeated", ()):
                errors.setdefault(position, {}).setdefault(name, []).append("duplicate_key")
        for position in _sharing_an_id(orders):
            errors.setdefault(position, {}).setdefault("order_id", []).append("duplicate_order_id")
        return errors | {position: {"_schema": ["too_many_names"]} for position in oversized}


def too_many_names(value: Any, known: int) -> bool:
    """Whether the value is an object with far more names than the known ones."""
    return isinstance(value, dict) and len(value) > known + SPARE_NAMES


def _usable_id(order: Any) -> str | None:
    value = order.get("order_id") if isinstance(order, dict) else None
    usable = isinstance(value, str) and 1 <= len(value) <= ORDER_ID_LENGTH and well_formed(value)
    return value if usable else None


def _sharing_an_id(orders: list[Any]) -> list[int]:
    ids = [_usable_id(order) for order in orders]
    counts = Counter(ids)
    return [position for position, order_id in enumerate(ids) if order_id is not None and counts[order_id] > 1]


def _name(name: str, code: str) -> str | None:
    return None if code in ("not_an_object", "too_many_names") else name
