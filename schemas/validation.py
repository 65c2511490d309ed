"""Validation: the rules that a batch must meet to be scored by one model.

A batch is first validated column by column, which accepts it only if every value is valid. Otherwise a marshmallow schema
loads the orders one by one and finds every fault of every order. Both give the same batch for the same valid orders. The
valid orders of a batch with faults are decoded too.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress
from typing import Any, cast

import msgspec
import numpy as np
from marshmallow import Schema
from msgspec.structs import replace

from model.core.batch import FEW_ORDERS, Batch, Floats
from model.core.manifest import CATEGORY_LENGTH, CONTEXT_LENGTH, NONE, Input
from schemas.faults import Fault
from schemas.fields import (
    ORDER_ID_LENGTH,
    ContextText,
    OrderId,
    Strict,
    has_controls,
    ignored_field,
    input_field,
    well_formed,
)
from schemas.names import Meant, with_hints
from schemas.order_columns import Column, OrderColumns
from schemas.row_faults import Errors, faults_of, find_errors, order_id_of, too_many_names
from schemas.strict_json import Object

_IGNORED_BYTES = 256
_OBJECTS: set[type] = {dict, Object}


class DecodedBatch(msgspec.Struct, frozen=True, eq=False):
    """The `batch` of the n valid orders, their `positions` (n,) among all orders, and the `faults` of the others.

    `received` is the number of orders in the request, even if no order was validated because the batch itself has a fault.
    `format` is the name of the request's format in schemas.formats.table, empty for a file. `context` has the text of each of
    the n orders by the name of a context, None where the order has none; a name that is not in it is in no order. `categories`
    has the texts of the n orders as they came, by the name of each input that is a category; what is not a text is missing.
    With `generated_ids` the orders came without ids, and no order is found by them.
    """

    batch: Batch
    positions: Sequence[int]
    faults: Sequence[Fault]
    received: int
    format: str = ""
    context: Mapping[str, Sequence[str | None]] = {}
    categories: Mapping[str, Column] = {}
    generated_ids: bool = False

    def without(self, rows: Mapping[int, Sequence[Fault]]) -> "DecodedBatch":
        """The same without these rows of the batch, whose faults are added to the others."""
        kept = [row not in rows for row in range(len(self.batch))]
        batch = Batch([*compress(self.batch.ids, kept)], self.batch.matrix[np.array(kept, np.bool_)])
        positions = [*compress(self.positions, kept)]
        context, categories = (
            {name: [*compress(texts, kept)] for name, texts in each.items()} for each in (self.context, self.categories)
        )
        found = replace(self, batch=batch, positions=positions, context=context, categories=categories)
        return found.with_faults(chain(*rows.values()))

    def with_faults(self, faults: Iterable[Fault]) -> "DecodedBatch":
        """The same with these faults added. Faults of the batch itself are first; the others are by position and name."""
        found = [*self.faults, *faults]
        found.sort(key=lambda fault: (-1 if fault.position is None else fault.position, fault.path, fault.name or ""))
        return replace(self, faults=found)

    def rejected(self, fault: Fault) -> "DecodedBatch":
        """The same without valid orders, because the batch itself has this fault too."""
        batch = Batch([], self.batch.matrix[:0])
        return replace(self, batch=batch, positions=(), context={}, categories={}).with_faults([fault])

    def with_generated_ids(self) -> "DecodedBatch":
        """The same, of orders that came without ids, so that no fault has one."""
        faults = [dataclasses.replace(fault, order_id=None) for fault in self.faults]
        return replace(self, faults=faults, generated_ids=True)

    def by_position(self) -> dict[int, list[Fault]]:
        """The faults by the position of their order. Faults of the batch itself are left out."""
        found: dict[int, list[Fault]] = {}
        for fault in self.faults:
            if fault.position is not None:
                found.setdefault(fault.position, []).append(fault)
        return found


class BatchValidator:
    """Validates batches for a model with these `inputs` and `contexts`. `order` is the schema of one order.

    What an order has under the names that the model `also_accepts` is ignored. A request may have at most `max_orders` orders;
    its format and `typed` check that, `decode` does not. A batch of so many orders needs up to `largest_body` bytes: for each
    order 600 and, for each name, 32 and its longest value; at least 1 MiB.
    """

    def __init__(
        self, inputs: Sequence[Input], max_orders: int, contexts: Sequence[str] = (), also_accepts: Sequence[str] = ()
    ) -> None:
        self.inputs, self.contexts, self.also_accepts = tuple(inputs), tuple(contexts), tuple(also_accepts)
        self.names = (*(each.name for each in inputs), *contexts)
        found = {
            **{each.name: input_field(each, data_key=each.name) for each in inputs},
            **{name: ContextText(data_key=name) for name in contexts},
            **{name: ignored_field(name) for name in also_accepts},
        }
        keyed = {f"x{index}": field for index, field in enumerate(found.values())}
        self.order: Schema = Strict.from_dict({"order_id": OrderId(required=True), **keyed}, name="Order")()
        self.max_orders = max_orders
        longest = [*map(_longest, inputs), *(12 * CONTEXT_LENGTH for _ in contexts), *(_IGNORED_BYTES for _ in also_accepts)]
        self.largest_body = max(2**20, max_orders * (600 + sum(len(name.encode()) + 32 for name in found) + sum(longest)))
        self.columns = OrderColumns(inputs, contexts)

    @property
    def members(self) -> int:
        """How many names an order may have beside its id."""
        return len(self.names) + len(self.also_accepts)

    def decode(self, orders: list[Any]) -> DecodedBatch:
        """Validate a list of orders, which may be empty. Names that a strict_json.Object has twice are faults."""
        return self._valid_orders(orders) or self._one_by_one(orders)

    def decode_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch:
        """Validate orders given as ids (n,) and one column (n,) for each input and each context, in the order of `names`."""
        names = ("order_id", *self.names)
        return self._valid_columns(ids, columns) or self.decode(
            [dict(zip(names, values, strict=True)) for values in zip(ids, *columns, strict=True)]
        )

    def typed(
        self, ids: list[str], columns: Sequence[Column], format: str = "", *, generated: bool = False
    ) -> DecodedBatch | None:
        """The batch of ids and columns whose entries are known to be of the right type; None if any of them is invalid.

        Ids that are `generated` are valid.
        """
        count = len(ids)
        if not 0 < count <= self.max_orders or not {count}.issuperset(map(len, columns)):
            return None
        if not generated and not _are_ids(ids):
            return None
        few = count <= FEW_ORDERS and self.columns.are_numbers
        numbers = self.columns.few_numbers(columns) if few else self.columns.matrix(columns, count)
        context = self.columns.context(columns) if self.contexts else {}
        if numbers is None or context is None:
            return None
        categories = self.columns.categories(columns)
        return DecodedBatch(Batch(ids, numbers), range(count), [], count, format, context, categories, generated)

    def rejected(self, received: int, *faults: Fault) -> DecodedBatch:
        """A batch without valid orders, because the batch itself has these faults."""
        return DecodedBatch(Batch([], np.empty((0, len(self.inputs)))), (), (), received).with_faults(faults)

    def _valid_columns(self, ids: list[Any], columns: Sequence[list[Any]]) -> DecodedBatch | None:
        if set(map(type, ids)) != {str} or not self.columns.have_types(columns):
            return None
        return self.typed(ids, columns)

    def _valid_orders(self, orders: list[Any]) -> DecodedBatch | None:
        if not orders or not _OBJECTS.issuperset(map(type, orders)):
            return None
        if type(orders[0]) is Object and any(order.repeated for order in orders):
            return None
        ids = [order.get("order_id") for order in orders]
        given = zip(self.names, self.columns.absent, strict=True)
        columns = [[order.get(name, absent) for order in orders] for name, absent in given]
        ignored = sum(name in order for name in self.also_accepts for order in orders)
        if sum(map(len, orders)) != len(orders) * (1 + len(columns)) - self.columns.count_absent(columns) + ignored:
            return None
        return self._valid_columns(ids, columns)

    def _one_by_one(self, orders: list[Any]) -> DecodedBatch:
        errors = self._errors(orders)
        valid = [position for position in range(len(orders)) if position not in errors]
        rows = [orders[position] for position in valid]
        columns = [[row.get(name) for row in rows] for name in self.names]
        matrix, context = self.columns.matrix(columns, len(rows)), self.columns.context(columns)
        values = {each.name: each.values for each in self.inputs}
        hinted = with_hints(list(faults_of(errors, orders)), "unknown_category", lambda fault: _meant(fault, values, orders))
        batch = Batch([row["order_id"] for row in rows], cast(Floats, matrix))
        found = DecodedBatch(batch, valid, (), len(orders), "", context or {}, self.columns.categories(columns))
        return found.with_faults(hinted)

    def _errors(self, orders: list[Any]) -> Errors:
        """The codes of each order with faults, by position and then by name."""
        errors = find_errors(self.order, orders)
        ids = [order_id_of(order) for order in orders]
        counts = Counter(ids)
        for position, order_id in enumerate(ids):
            if order_id is not None and counts[order_id] > 1 and not too_many_names(orders[position], len(self.order.fields)):
                errors.setdefault(position, {}).setdefault("order_id", []).append("duplicate_order_id")
        return errors


def _are_ids(ids: list[str]) -> bool:
    """Whether all texts are order ids, and differ."""
    if len(set(ids)) != len(ids):
        return False
    text, lengths = "".join(ids), set(map(len, ids))
    return 0 not in lengths and max(lengths) <= ORDER_ID_LENGTH and well_formed(text) and not has_controls(text)


def _meant(fault: Fault, values: Mapping[str, tuple[str, ...]], orders: Sequence[Any]) -> Meant:
    """The categories of the input of an unknown one, and the unknown one."""
    name, position = cast(str, fault.name), cast(int, fault.position)
    return values[name], orders[position][name]


def _longest(of: Input) -> int:
    """How many bytes more than a number the value of an input may take."""
    longest = CATEGORY_LENGTH if of.unknown == NONE else max(map(len, of.values), default=0)
    return 12 * longest  # a character may be written as two escapes
