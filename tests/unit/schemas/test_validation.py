"""The rules of a batch, through bodies of JSON records."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.batch import Batch
from schemas.faults import Fault
from schemas.formats.json import JsonDecoder
from schemas.validation import BatchValidator, DecodedBatch
from tests.facts import FEATURES

VALIDATOR = BatchValidator(FEATURES, 100)
DECODER = JsonDecoder(VALIDATOR)


def check(body, decoder=DECODER):
    """The batch of a body of records, given as its text or as what the text means."""
    decoded = decoder.decode((body if isinstance(body, str) else json.dumps(body)).encode())
    assert decoded.format == "records"
    return decoded


def order(order_id, *values):
    return {"order_id": order_id, **dict(zip(FEATURES, values, strict=True))}


def faults_of(decoded):
    return [(fault.position, fault.name, fault.code, fault.order_id) for fault in decoded.faults]


@given(st.permutations([("order_id", "A"), ("route_disruption", 2), ("backlog", 3), ("weather_severity", 1)]))
def test_columns_are_in_the_order_of_the_model_in_any_order_of_the_names(pairs):
    assert check({"orders": [dict(pairs)]}).batch.matrix.tolist() == [[2.0, 3.0, 1.0]]


NAMES = [
    *("fields Meta load context", "opts many only exclude unknown declared_fields", "x1 x0 x2", "class None self data attr"),
    *("load_fields dump validate from_dict error_messages set_class", "_schema __class__ __init__ _deserialize orders"),
]


@pytest.mark.parametrize("names", [text.split() for text in NAMES])
def test_a_feature_may_have_any_name_that_the_model_format_allows(names):
    decoder = JsonDecoder(BatchValidator(names, 10))
    decoded = check({"orders": [{"order_id": "A", **{name: number for number, name in enumerate(names)}}]}, decoder)
    assert (decoded.batch.matrix.tolist(), decoded.faults) == ([[float(number) for number in range(len(names))]], [])
    faulty = check({"orders": [{"order_id": "A", **dict.fromkeys(names)}]}, decoder)
    assert faults_of(faulty) == [(0, name, "null", "A") for name in sorted(names)]


SPARE = {f"n{at:02}": 1 for at in range(17)}
FAULTS = {
    "every fault of every order": (
        [
            order("A", None, "3", True),
            order("B", 2, 3, 1),
            7,
            {"order_id": "D", "colour": 1, "backlog": 10**400},
            order("E", 5, 9, 4),
        ],
        [
            *((0, "backlog", "not_a_number", "A"), (0, "route_disruption", "null", "A")),
            *((0, "weather_severity", "not_a_number", "A"), (2, None, "not_an_object", None)),
            *((3, "backlog", "not_finite", "D"), (3, "colour", "unknown_name", "D")),
            *((3, "route_disruption", "missing", "D"), (3, "weather_severity", "missing", "D")),
        ],
    ),
    "each order with a shared id, also if it has another fault": (
        [order("A", 2, 3, 1), order("B", 2, 3, 1), order("A", 2, 3, None)],
        [*((at, "order_id", "duplicate_order_id", "A") for at in (0, 2)), (2, "weather_severity", "null", "A")],
    ),
    "unusable ids are not shared": (
        [order("", 2, 3, 1), order("", 2, 3, 1), order(None, 2, 3, 1), order(None, 2, 3, 1)],
        [(at, "order_id", code, None) for at, code in enumerate(("wrong_length", "wrong_length", "null", "null"))],
    ),
    "16 unknown names": (
        [order("A", 2, 3, 1) | dict(list(SPARE.items())[:16])],
        [(0, name, "unknown_name", "A") for name in list(SPARE)[:16]],
    ),
    "17 unknown names are one fault, and the id is still shared": (
        [order("A", 2, 3, 1) | SPARE, order("A", 2, 3, 1)],
        [(0, None, "too_many_names", "A"), (1, "order_id", "duplicate_order_id", "A")],
    ),
}


@pytest.mark.parametrize(("orders", "expected"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_found_in_the_order_of_positions_and_names(orders, expected):
    decoded = check({"orders": orders})
    assert faults_of(decoded) == expected
    valid = [at for at in range(len(orders)) if at not in {fault.position for fault in decoded.faults}]
    assert list(decoded.positions) == valid
    assert decoded.batch.ids == [orders[at]["order_id"] for at in valid]
    assert decoded.batch.matrix.shape == (len(valid), 3)
    assert decoded.batch.matrix.tolist() == [[float(orders[at][name]) for name in FEATURES] for at in valid]


REPEATED_NAMES = [
    ('{"order_id": "B", "order_id": "A"}, {"order_id": "A"}', "order_id", ["duplicate_key", "duplicate_order_id"]),
    *(
        (f'{{"order_id": "A", "backlog": 3, "backlog": {value}}}', "backlog", [code, "duplicate_key"])
        for value, code in (("null", "null"), ('"3"', "not_a_number"), ("1e400", "not_finite"))
    ),
]


@pytest.mark.parametrize(("orders", "name", "codes"), REPEATED_NAMES)
def test_a_name_given_twice_is_reported_beside_other_faults_of_its_value(orders, name, codes):
    decoded = check(f'{{"orders": [{orders}]}}')
    assert [fault.code for fault in decoded.faults if (fault.position, fault.name) == (0, name)] == codes


@pytest.mark.parametrize(("count", "faults"), [(100, []), (101, [Fault("too_many_orders", path=("orders",), limit=100)])])
def test_a_batch_may_have_as_many_orders_as_the_limit(count, faults):
    assert check({"orders": [order(f"A-{at}", 2, 3, 1) for at in range(count)]}).faults == faults


def test_faults_of_the_batch_are_before_those_of_its_orders_and_both_are_by_name_in_every_process():
    # marshmallow finds unknown names in the order of a set, which is another in each process
    order = {"order_id": "A", "weather_severity": None, **dict.fromkeys("zyfedcba", 1)}
    decoded = check({"orders": [order], **dict.fromkeys("xwvuts", 1)})
    assert [(fault.position, fault.path, fault.name) for fault in decoded.faults] == [
        *((None, (name,), None) for name in "stuvwx"),
        *((0, (), name) for name in (*"ab", "backlog", *"cdef", "route_disruption", "weather_severity", *"yz")),
    ]


def test_orders_of_a_file_are_validated_by_the_same_rules_and_may_be_none():
    decoded = VALIDATOR.decode([order("A", 2, 3, 1), order("B", 2, "x", 1)])
    assert (decoded.batch.ids, decoded.faults) == (["A"], [Fault("not_a_number", 1, "backlog", "B")])
    none = VALIDATOR.decode([])
    assert (none.batch.matrix.shape, none.positions, none.faults) == ((0, 3), [], [])


def test_rejected_rows_leave_the_batch_and_their_faults_are_sorted_among_the_others():
    batch = Batch(["A", "C", "E"], np.array([[1.0], [3.0], [5.0]]))
    first, middle, of_batch = Fault("null", 1, "x", "B"), Fault("null", 3, "x", "D"), Fault("unknown_name", path=("y",))
    added = Fault("out_of_numeric_range", 2, None, "C")
    found = DecodedBatch(batch, [0, 2, 4], [first, middle, of_batch], 5, "csv").without({1: [added]})
    assert (found.received, found.format) == (5, "csv")
    assert (found.batch.ids, found.batch.matrix.tolist(), found.positions) == (["A", "E"], [[1.0], [5.0]], [0, 4])
    assert found.faults == [of_batch, first, added, middle]
