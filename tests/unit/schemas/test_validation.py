"""Rules of a batch that no request of tests/data shows."""

import json

import numpy as np
import pytest

from model.core.batch import Batch
from schemas.faults import Fault
from schemas.formats.json import JsonDecoder
from schemas.validation import BatchValidator, DecodedBatch
from tests.facts import FEATURES

VALIDATOR = BatchValidator(FEATURES, 100)


def check(*orders, validator=VALIDATOR, **others):
    """The batch of a JSON body of these orders."""
    return JsonDecoder(validator).decode(json.dumps({"orders": orders, **others}).encode())


def order(order_id, *values):
    return {"order_id": order_id, **dict(zip(FEATURES, values, strict=True))}


NAMES = [
    *("fields Meta load context", "opts many only exclude unknown declared_fields", "x1 x0 x2", "class None self data attr"),
    *("load_fields dump validate from_dict error_messages set_class", "_schema __class__ __init__ _deserialize orders"),
]


@pytest.mark.parametrize("names", [text.split() for text in NAMES])
def test_a_feature_may_have_any_name_that_the_model_format_allows(names):
    validator = BatchValidator(names, 10)
    decoded = check({"order_id": "A", **{name: number for number, name in enumerate(names)}}, validator=validator)
    assert (decoded.batch.matrix.tolist(), decoded.faults) == ([[float(number) for number in range(len(names))]], [])
    faulty = check({"order_id": "A", **dict.fromkeys(names)}, validator=validator)
    assert faulty.faults == [Fault("null", 0, name, "A") for name in sorted(names)]


def test_faults_of_the_batch_are_before_those_of_its_orders_and_both_are_by_name_in_every_process():
    # marshmallow finds unknown names in the order of a set, which is another in each process
    order = {"order_id": "A", "weather_severity": None, **dict.fromkeys("zyfedcba", 1)}
    decoded = check(order, **dict.fromkeys("xwvuts", 1))
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
