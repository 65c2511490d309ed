"""Rows of Arrow: the same batch and the same faults as orders of JSON."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.manifest import Input
from schemas.files.arrow_rows import RecordDecoder, taken
from schemas.files.row import BadFile, Layout
from schemas.validation import BatchValidator
from tests.arrow_columns import TEXT_TYPES, any_orders, records
from tests.facts import FEATURES
from tests.raw_orders import INPUTS, ORDERS, preparations

NUMBERS = tuple(map(Input, FEATURES))
LAYOUT = Layout(INPUTS, reserved=("score", "queue"))


def decoded(batch, inputs=INPUTS, left_out=None):
    decoder = RecordDecoder(batch.schema, Layout(inputs))
    return decoder.decode(batch, decoder.ids(batch), left_out)


def account(found):
    """All that a batch is scored and answered by."""
    faults = [(each.code, each.position, each.name, each.order_id, each.hint) for each in found.faults]
    return [*found.batch.ids], found.batch.matrix.tobytes(), [*found.positions], found.received, faults


def table(**columns):
    """ORDERS as a record batch, with other columns in place of those of the same names; None leaves one out."""
    names = ("order_id", *(each.name for each in INPUTS))
    found = {name: pa.array([order.get(name) for order in ORDERS]) for name in names} | columns
    return pa.record_batch({name: each for name, each in found.items() if each is not None})


@settings(max_examples=200)
@given(st.data())
def test_orders_of_any_types_are_the_batch_and_have_the_faults_that_they_have_in_json(data):
    inputs, _ = data.draw(preparations() | st.just((INPUTS, ())) | st.just((NUMBERS, ())))
    orders = data.draw(any_orders(inputs))
    found = decoded(data.draw(records(orders, inputs)), inputs)
    assert account(found) == account(BatchValidator(inputs, 100).decode(orders))


@settings(max_examples=50)
@given(st.data())
def test_rows_that_are_left_out_are_neither_in_the_batch_nor_have_faults(data):
    orders = data.draw(any_orders(INPUTS))
    left_out = np.array(data.draw(st.lists(st.booleans(), min_size=len(orders), max_size=len(orders))))
    others = np.flatnonzero(~left_out)
    ids, matrix, positions, _, faults = account(BatchValidator(INPUTS, 100).decode([orders[at] for at in others]))
    found = account(decoded(data.draw(records(orders, INPUTS)), left_out=left_out))
    moved = [(code, int(others[at]), name, order_id, hint) for code, at, name, order_id, hint in faults]
    assert found == (ids, matrix, [int(others[at]) for at in positions], len(orders), moved)


@pytest.mark.parametrize("of", [pa.float64(), pa.float32(), pa.float16()], ids=str)
def test_a_nan_of_an_input_that_may_be_missing_is_not_taken_for_a_missing_one(of):
    found = decoded(table(backlog=pa.array([None, np.nan, np.inf, 1.0], pa.float64()).cast(of)))
    assert [(fault.position, fault.name, fault.code) for fault in found.faults] == [
        (1, "backlog", "not_finite"),
        (2, "backlog", "not_finite"),
    ]
    assert np.isnan(found.batch.matrix[:, 0]).tolist() == [True, False]


def test_ids_are_not_compared_not_even_those_of_invalid_rows():
    found = decoded(table(order_id=pa.array(["A"] * 4), distance=pa.array([1.0, None, np.nan, 2.0])))
    assert [*found.batch.ids] == ["A", "A"]
    assert [(fault.position, fault.code) for fault in found.faults] == [(1, "null"), (2, "not_finite")]


def test_no_rows_are_an_empty_batch():
    found = decoded(table()[:0])
    assert account(found) == ([], b"", [], 0, [])


@pytest.mark.parametrize(
    "array",
    [
        pa.nulls(4, pa.decimal128(5)),
        pa.array([True] * 4),
        pa.nulls(4, pa.timestamp("us", "UTC")),
        pa.array(["1.5"] * 4),
        pa.array([1.5] * 4).dictionary_encode(),
        pa.array([[1.5]] * 4),
        pa.nulls(4, pa.binary()),
    ],
    ids=lambda array: str(array.type),
)
def test_a_number_of_another_type_is_rejected_with_the_name_of_the_column_and_the_type(array):
    with pytest.raises(BadFile) as raised:
        decoded(table(distance=array))
    assert str(raised.value) == f"the column distance has the type {array.type}; cast it to double"


@pytest.mark.parametrize(
    "array",
    [pa.array([1] * 4), pa.array([1.5] * 4), pa.array([True] * 4), pa.array([b"AA"] * 4)],
    ids=lambda array: str(array.type),
)
def test_a_category_of_another_type_is_rejected_with_the_name_of_the_column_and_the_type(array):
    with pytest.raises(BadFile) as raised:
        decoded(table(carrier=array))
    assert str(raised.value) == f"the column carrier has the type {array.type}; cast it to string"


NAMED = {
    "near": (
        table(distance=None, Distance=pa.array([1.0] * 4)),
        "has no column distance (if it is column 7, give --rename distance='Distance')",
    ),
    "id": (table(order_id=None, id=pa.array(["a"] * 4)), "has no column order_id (if it is column 7, give --id 'id')"),
    "missing": (table(distance=None, carrier=None), "has no column distance; it has no column carrier"),
    "reserved": (table(score=pa.array([1] * 4)), "has a column score, which is a column of the output; rename it"),
    "rejects": (
        table(refused_reason=pa.array([1] * 4)),
        "has a column refused_reason, which is a column of the output; rename it",
    ),
    "repeated": (
        pa.record_batch([*table().columns, pa.array([1.0] * 4)], [*table().schema.names, "distance"]),
        "has distance more than once, in columns 3, 8",
    ),
}


@pytest.mark.parametrize(("batch", "message"), NAMED.values(), ids=NAMED)
def test_what_is_wrong_with_a_schema_is_named(batch, message):
    with pytest.raises(BadFile) as raised:
        RecordDecoder(batch.schema, LAYOUT)
    assert str(raised.value) == f"the schema {message}"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (pa.schema([]), "the file is empty: it has no schema"),
        (
            pa.schema([("x", pa.int8())]),
            "the schema has none of the columns order_id, backlog, distance, carrier, depot, size, month",
        ),
    ],
)
def test_a_schema_without_any_of_the_columns_is_rejected(schema, message):
    with pytest.raises(BadFile) as raised:
        RecordDecoder(schema, LAYOUT)
    assert str(raised.value) == message


def test_a_column_has_the_name_that_is_given_for_it():
    batch = table(distance=None, km=pa.array([7.0, 8.0, 9.0, 10.0]), order_id=None, number=pa.array([4, 3, 2, 1]))
    decoder = RecordDecoder(batch.schema, Layout(INPUTS, columns={"distance": "km", "order_id": "number"}))
    found = decoder.decode(batch, decoder.ids(batch))
    assert ([*found.batch.ids], found.batch.matrix[:, 1].tolist()) == (["4", "3", "2", "1"], [7.0, 8.0, 9.0, 10.0])


@pytest.mark.parametrize(
    "of", [*TEXT_TYPES, pa.binary_view(), pa.list_(pa.string_view()), pa.struct({"at": pa.string_view()})], ids=str
)
@pytest.mark.parametrize("rows", [[], [0], [3], [1, 2, 3], [0, 2, 3], [0, 1, 2, 3]])
def test_rows_are_taken_of_arrays_of_any_type(of, rows):
    values = ["a", None, "", "long enough to have a buffer"]
    if pa.types.is_nested(of):
        array = pa.array(
            [None if value is None else {"at": value} if pa.types.is_struct(of) else [value] for value in values], of
        )
    else:
        array = pa.array(values, pa.string()).cast(of)
    found = taken(array, np.array(rows, np.int64))
    found.validate(full=True)
    assert (found.type, found.to_pylist()) == (of, [array.to_pylist()[row] for row in rows])
