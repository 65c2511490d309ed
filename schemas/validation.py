"""Validation: the rules that a batch must meet to be scored by one model.

A batch is first validated column by column, which accepts it only if every value is valid. Otherwise a marshmallow schema
loads the orders one by one and finds every fault of every order. Both give the same batch for the same valid orders. The
valid orders of a batch with faults are decoded too.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from math import isfinite
from operator import add
from traceback import clear_frames
from typing import Any, cast

import msgspec
import numpy as np
from marshmallow import Schema, ValidationError
from msgspec.structs import replace

from model.core.batch import FEW_ORDERS, Batch
from schemas.faults import Fault
from schemas.fields import ORDER_ID_LENGTH, Number, OrderId, Strict, has_controls, usable_id, well_formed
from schemas.strict_json import Object

SPARE_NAMES = 16
_OF_THE_ORDER = ("not_an_object", "too_many_names")  # as a whole: such a fault has no name
_NUMBERS = {int, float}
_OBJECTS: set[type] = {dict, Object}
_ZERO, _ZEROS = np.array(0.0), repeat(0.0)


class DecodedBatch(msgspec.Struct, frozen=True, eq=False):
    """The `batch` of the n valid orders, their `positions` (n,) among all orders, and the `faults` of the others.

    `received` is the number of orders in the request, even if no order was validated because the batch itself has a fault.
    `format` is the name of the request's format in schemas.formats.table, empty for a file.
    """

    batch: Batch
    positions: Sequence[int]
    faults: Sequence[Fault]
    received: int
    format: str = ""

    def without(self, rows: Mapping[int, Sequence[Fault]]) -> "DecodedBatch":
        """The same without these rows of the batch, whose faults are added to the others."""
        kept = [row for row in range(len(self.batch)) if row not in rows]
        batch = Batch([self.batch.ids[row] for row in kept], self.batch.matrix[kept])
        return replace(self, batch=batch, positions=[self.positions[row] for row in kept]).with_faults(chain(*rows.values()))

    def with_faults(self, faults: Iterable[Fault]) -> "DecodedBatch":
        """The same with these faults added. Faults of the batch itself are first; the others are by position and name."""
        found = [*self.faults, *faults]
        found.sort(key=lambda fault: (-1 if fault.position is None else fault.position, fault.path, fault.name or ""))
        return replace(self, faults=found)

    def by_position(self) -> dict[int, list[Fault]]:
        """The faults by the position of their order. Faults of the batch itself are left out."""
        found: dict[int, list[Fault]] = {}
        for fault in self.faults:
            if fault.position is not None:
                found.setdefault(fault.position, []).append(fault)
        return found


class BatchValidator:
    """Validates batches for a model with these `features`. `order` is the schema of one order.

    A request may have at most `max_orders` orders; its format and `typed` check that, `decode` does not. A batch of so many
    orders needs up to `largest_body` bytes: for each order 600 and, for each feature, 32 more than its name; at least 1 MiB.
    """

    def __init__(self, features: Sequence[str], max_orders: int) -> None:
        numbers = {f"x{index}": Number(required=True, data_key=name) for index, name in enumerate(features)}
        self.order: Schema = Strict.from_dict({"order_id": OrderId(required=True), **numbers}, name="Order")()
        self.features = tuple(features)
        self.max_orders = max_orders
        self.largest_body = max(2**20, max_orders * (600 + sum(len(name.encode()) + 32 for name in features)))

    def decode(self, orders: list[Any]) -> DecodedBatch:
        """Validate a list of orders, which may be empty. Names that a strict_json.Object has twice are faults."""
        return self._valid_orders(orders) or self._one_by_one(orders)

    def decode_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch:
        """Validate orders given as ids (n,) and one column (n,) for each feature, in the order of `features`."""
        names = ("order_id", *self.features)
        return self._valid_columns(ids, columns) or self.decode(
            [dict(zip(names, values, strict=True)) for values in zip(ids, *columns, strict=True)]
        )

    def typed(self, ids: list[str], columns: Sequence[list[float]], format: str = "") -> DecodedBatch | None:
        """The batch of ids and columns whose entries are known to be of the right type; None if any of them is invalid."""
        count = len(ids)
        if not 0 < count <= self.max_orders or len(set(ids)) != count or not {count}.issuperset(map(len, columns)):
            return None
        text = "".join(ids)
        lengths = set(map(len, ids))
        if 0 in lengths or max(lengths) > ORDER_ID_LENGTH or not well_formed(text) or has_controls(text):
            return None
        if count <= FEW_ORDERS:
            few = _floats(columns)
            return None if few is None else DecodedBatch(Batch(ids, few), range(count), [], count, format)
        pack = struct.Struct(f"={count}d").pack
        try:
            packed = b"".join([pack(*column) for column in columns])  # a third of np.fromiter's time
        except struct.error:  # an integer is too large
            return None
        values = np.frombuffer(packed) + _ZERO
        if np.count_nonzero(np.isfinite(values)) < len(values):
            return None
        return DecodedBatch(Batch(ids, values.reshape(len(columns), count).T), range(count), [], count, format)

    def rejected(self, received: int, *faults: Fault) -> DecodedBatch:
        """A batch without valid orders, because the batch itself has these faults."""
        return DecodedBatch(Batch([], np.empty((0, len(self.features)))), (), (), received).with_faults(faults)

    def _valid_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch | None:
        if set(map(type, ids)) != {str} or not all(_NUMBERS.issuperset(map(type, column)) for column in columns):
            return None
        return self.typed(ids, columns)

    def _valid_orders(self, orders: list[Any]) -> DecodedBatch | None:
        if not _OBJECTS.issuperset(map(type, orders)) or set(map(len, orders)) != {len(self.features) + 1}:
            return None
        if type(orders[0]) is Object and any(order.repeated for order in orders):
            return None
        try:
            columns = [[order[name] for order in orders] for name in self.features]
            return self._valid_columns([order["order_id"] for order in orders], columns)
        except KeyError:
            return None

    def _one_by_one(self, orders: list[Any]) -> DecodedBatch:
        errors = self._errors(orders)
        valid = [position for position in range(len(orders)) if position not in errors]
        rows = [orders[position] for position in valid]
        values = [[float(row[name]) for name in self.features] for row in rows]
        matrix = np.array(values, np.float64).reshape(len(valid), len(self.features)) + 0.0
        faults = (
            Fault(code, position, None if code in _OF_THE_ORDER else name, _usable_id(orders[position]))
            for position, by_name in errors.items()
            for name, codes in by_name.items()
            for code in codes
        )
        return DecodedBatch(Batch([row["order_id"] for row in rows], matrix), valid, (), len(orders)).with_faults(faults)

    def _errors(self, orders: list[Any]) -> dict[int, dict[str, list[str]]]:
        """The codes of each order with faults, by position and then by name."""
        oversized = {position for position, order in enumerate(orders) if too_many_names(order, len(self.order.fields))}
        errors: dict[int, dict[str, list[str]]] = {}
        try:
            self.order.load([{} if at in oversized else order for at, order in enumerate(orders)], many=True)
        except ValidationError as error:
            errors = cast(dict[int, dict[str, list[str]]], error.messages)
            clear_frames(error.__traceback__)  # one of them holds the error, which holds the orders
        for position, order in enumerate(orders):
            for name in () if position in oversized else getattr(order, "repeated", ()):
                errors.setdefault(position, {}).setdefault(name, []).append("duplicate_key")
        ids = [_usable_id(order) for order in orders]
        counts = Counter(ids)
        for position, order_id in enumerate(ids):
            if order_id is not None and counts[order_id] > 1:
                errors.setdefault(position, {}).setdefault("order_id", []).append("duplicate_order_id")
        return errors | {position: {"_schema": ["too_many_names"]} for position in oversized}


def _floats(columns: Sequence[list[float]]) -> list[list[float]] | None:
    """These columns as Python's float; None if a number is not finite."""
    try:
        found = [[*map(add, column, _ZEROS)] for column in columns]
    except OverflowError:
        return None
    return found if all(map(isfinite, chain.from_iterable(found))) else None


def too_many_names(value: Any, known: int) -> bool:
    """Whether the value is an object with more than SPARE_NAMES names beyond the number of known ones."""
    return isinstance(value, dict) and len(value) > known + SPARE_NAMES


def _usable_id(order: Any) -> str | None:
    value = order.get("order_id") if isinstance(order, dict) else None
    return value if usable_id(value) else None
