"""Contract: what one model demands of a batch. This is where orders become a Batch, whatever door they came through.

There are two ways to the same answer. Whole columns are looked at at once, and taken only if every value in them is sound.
Only where something is wrong the orders are taken one by one, to say what: every fault of every order is found, each with
its place, and the sound orders of a faulty batch come out all the same, for whoever asked for them.
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
    """What came in: the `batch` of the sound orders, each one's `positions` among all, the `faults` of the others.

    `received` is how many orders there were, also where the batch itself is at fault and none of them was looked at.
    """

    batch: Batch
    positions: Sequence[int]
    faults: Sequence[Fault]
    received: int

    def refuse(self, rows: Mapping[int, Sequence[Fault]]) -> "DecodedBatch":
        """Without these rows of the batch, whose faults join the others in the order of their positions."""
        kept = [row for row in range(len(self.batch)) if row not in rows]
        faults = [fault for found in rows.values() for fault in found]
        batch = Batch([self.batch.ids[row] for row in kept], self.batch.matrix[kept])
        return DecodedBatch(batch, [self.positions[row] for row in kept], self.faults, self.received).joined(faults)

    def joined(self, faults: Iterable[Fault]) -> "DecodedBatch":
        """With these faults too: those of the whole batch first, then by position; at one place, by name."""
        found = [*self.faults, *faults]
        found.sort(key=lambda fault: (-1 if fault.position is None else fault.position, fault.path, fault.name or ""))
        return DecodedBatch(self.batch, self.positions, found, self.received)

    def by_position(self) -> dict[int, list[Fault]]:
        """The faults of each order that has any; those of the batch as a whole are not among them."""
        found: dict[int, list[Fault]] = {}
        for fault in self.faults:
            if fault.position is not None:
                found.setdefault(fault.position, []).append(fault)
        return found


class BatchValidator:
    """The contract of a model with these `features`, for batches of at most `max_orders` orders."""

    def __init__(self, features: Sequence[str], max_orders: int) -> None:
        numbers = {f"x{index}": Number(required=True, data_key=name) for index, name in enumerate(features)}
        self.order: Schema = Strict.from_dict({"order_id": OrderId(required=True), **numbers}, name="Order")()
        self.features = tuple(features)
        self.max_orders = max_orders

    def at_once(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch | None:
        """The batch of these ids and columns, in the features' order; None if anything at all is wrong with them."""
        if set(map(type, ids)) != {str} or not all(_NUMBERS.issuperset(map(type, column)) for column in columns):
            return None
        return self.typed(ids, columns)

    def typed(self, ids: list[str], columns: Sequence[list[float]]) -> DecodedBatch | None:
        """The same for ids and columns whose types are known."""
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

    def decode(self, orders: list[Any]) -> DecodedBatch:
        """The orders of a list, which may be empty, each with its faults; an Object tells which names it held twice."""
        return self.sound(orders) or self._one_by_one(orders)

    def sound(self, orders: list[Any]) -> DecodedBatch | None:
        """The orders of a list that is sound in every value, else None."""
        names = len(self.features) + 1
        if not _OBJECTS.issuperset(map(type, orders)) or set(map(len, orders)) != {names}:
            return None
        if type(orders[0]) is Object and any(order.repeated for order in orders):
            return None
        try:
            columns = [[order[name] for order in orders] for name in self.features]
            return self.at_once([order["order_id"] for order in orders], columns)
        except KeyError:
            return None

    def refused(self, received: int, *faults: Fault) -> DecodedBatch:
        """None of the orders that were received, for these reasons."""
        return DecodedBatch(Batch([], np.empty((0, len(self.features)))), (), (), received).joined(faults)

    def _one_by_one(self, orders: list[Any]) -> DecodedBatch:
        errors = self._errors(orders)
        sound = [position for position in range(len(orders)) if position not in errors]
        rows = [orders[position] for position in sound]
        values = [[float(row[name]) for name in self.features] for row in rows]
        matrix = np.array(values, np.float64).reshape(len(sound), len(self.features)) + 0.0
        faults = (
            Fault(code, position, _name(name, code), _usable_id(orders[position]))
            for position, by_name in errors.items()
            for name, codes in by_name.items()
            for code in codes
        )
        return DecodedBatch(Batch([row["order_id"] for row in rows], matrix), sound, (), len(orders)).joined(faults)

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
