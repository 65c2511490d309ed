"""Orders as columns of Arrow, in types drawn at random that have the values exactly, and orders with any faults."""

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from model.core.manifest import CATEGORY, Input
from tests.raw_orders import raw_orders

TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
TEXT_TYPES += [pa.dictionary(pa.uint32(), pa.large_string()), pa.dictionary(pa.int16(), pa.string_view())]
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_CONTROLS = ["a\x00", "\x1f", "a\tb", "a\nb", "\x7fé", "\x80", "a\x9f"]
_NOT_CONTROLS = [" ", "~", "\xa0", "\u2028", "\ufeff", "e\u0301", "\U0001f600"]
TEXTS = st.sampled_from(
    [*_CONTROLS, *_NOT_CONTROLS, "", *(letter * size for letter in "xé" for size in (64, 65, 128, 129, 600))]
)
"""Texts at the limits of order ids and categories."""

NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308, 2**53 + 1, 2**63 - 1, -(2**63), 3.0, 1e300])


@st.composite
def any_orders(draw: st.DrawFn, inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Orders with a value or None for the id and each input: some are valid, some have faults. Valid ids differ."""
    kinds = {"order_id": CATEGORY} | {each.name: each.kind for each in inputs}
    drawn = draw(raw_orders(inputs)) * draw(st.sampled_from([1, 7]))
    orders = [{name: order.get(name) for name in kinds} | {"order_id": f"O:{at}"} for at, order in enumerate(drawn)]
    for _ in range(draw(st.integers(0, 6))):
        order, name = draw(st.sampled_from(orders)), draw(st.sampled_from([*kinds]))
        order[name] = draw(st.none() | (TEXTS | _TEXT if kinds[name] == CATEGORY else NUMBERS))
    seen = set[Any]()
    for at, order in enumerate(orders):
        if order["order_id"] in seen:
            order["order_id"] = None if order["order_id"] is None else f"again {at}"
        seen.add(order["order_id"])
    return orders


@st.composite
def column(draw: st.DrawFn, values: Sequence[Any], kind: str = CATEGORY) -> pa.Array:
    """Texts, numbers or None as an array, which may be a part of a longer one."""
    before, after = ([draw(st.sampled_from(values))] * draw(st.integers(0, 2)) for _ in range(2))
    padded = [*before, *values, *after]
    if padded.count(None) == len(padded):
        found = pa.nulls(
            len(padded), draw(st.sampled_from([pa.null(), *(TEXT_TYPES if kind == CATEGORY else FLOATS + INTEGERS)]))
        )
    elif kind == CATEGORY:
        found = pa.array(padded, pa.string()).cast(draw(st.sampled_from(TEXT_TYPES)))
    else:
        exact = [each for each in (_exact(padded, of) for of in FLOATS + INTEGERS) if each is not None]
        rounded = pa.array([None if value is None else float(value) for value in padded])
        found = draw(st.sampled_from(exact or [rounded]))
    return found.slice(len(before), len(values))


@st.composite
def records(draw: st.DrawFn, orders: Sequence[dict[str, Any]], inputs: Sequence[Input]) -> pa.RecordBatch:
    """The orders as a record batch, with the columns in any order. An optional input that no order has may have none."""
    kinds = {"order_id": CATEGORY} | {each.name: each.kind for each in inputs}
    values = {name: [order[name] for order in orders] for name in kinds}
    absent = [each.name for each in inputs if each.optional and values[each.name].count(None) == len(orders)]
    kept = [name for name in draw(st.permutations([*kinds])) if name not in absent or draw(st.booleans())]
    return pa.record_batch({name: draw(column(values[name], kinds[name])) for name in kept})


def _exact(values: Sequence[Any], of: Any) -> Any:
    """The numbers as an array of this type, or None if it does not have them exactly."""
    given = [value for value in values if value is not None]
    try:
        if of in INTEGERS:
            integers = [None if value is None else int(value) for value in values]
            return pa.array(integers, of) if [each for each in integers if each is not None] == given else None
        found = pa.array(values, pa.float64()).cast(of, safe=False)
    except (pa.ArrowInvalid, OverflowError, ValueError):
        return None
    expected = [None if value is None else float(value) for value in values]
    return found if repr(found.to_pylist()) == repr(expected) else None
