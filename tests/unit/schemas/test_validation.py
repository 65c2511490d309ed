"""Rules of a batch that no request of tests/data shows."""

import csv
import io
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.manifest import Input
from schemas.faults import Fault
from schemas.files.csv import Reader
from schemas.files.row import Layout
from schemas.formats.csv import CsvDecoder
from schemas.formats.json import JsonDecoder
from schemas.validation import BatchValidator, DecodedBatch
from tests.facts import FEATURES, INPUTS

VALIDATOR = BatchValidator(INPUTS, 100)


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
    validator = BatchValidator(list(map(Input, names)), 10)
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


CONTROLS = st.characters(min_codepoint=0, max_codepoint=0xA0) | st.sampled_from("\u2028\u200b\ufeff\uffff🚚")


@given(st.lists(st.text(CONTROLS | st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=4, unique=True))
def test_an_id_with_a_control_character_is_rejected_in_every_format_and_no_other_for_its_characters(ids):
    rows, table = [order(each, 1, 2, 3) for each in ids], io.StringIO(newline="")
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([rows[0], *map(dict.values, rows)])
    by_column = {"order_ids": ids, "columns": {name: [1] * len(ids) for name in FEATURES}}
    bodies = [json.dumps(shape, ensure_ascii=escaped) for shape in ({"orders": rows}, by_column) for escaped in (True, False)]
    decoded = [
        *(JsonDecoder(VALIDATOR).decode(body.encode()) for body in bodies),
        CsvDecoder(VALIDATOR).decode(table.getvalue().encode()),
        VALIDATOR.decode([dict(row.order) for row in Reader(io.StringIO(table.getvalue(), newline=""), Layout(INPUTS))]),
    ]
    rejected = [at for at, each in enumerate(ids) if any(unicodedata.category(sign) == "Cc" for sign in each)]
    faults = [Fault("control_character", at, "order_id") for at in rejected]
    for found in decoded:
        assert (found.faults, found.batch.ids) == (faults, [each for at, each in enumerate(ids) if at not in rejected])


@pytest.mark.parametrize("sign", ["\x00", "\x1f", "\x7f", "\x80", "\x9f", " ", "~", "\xa0", "é"])
def test_a_control_character_is_found_among_many_ids(sign):
    ids = [f"order-{number:020}" for number in range(100)]
    ids[50] += sign
    decoded = VALIDATOR.typed(ids, [[1.0] * 100] * 3)
    assert (decoded is None) == (unicodedata.category(sign) == "Cc")
