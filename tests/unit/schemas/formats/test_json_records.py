import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.batch import Batch
from schemas.faults import Fault, error_list
from schemas.formats.format import RequestBody
from schemas.formats.table import FORMATS, JSON, BatchDecoder
from schemas.validation import BatchValidator, DecodedBatch
from tests.facts import ROOT

FEATURES = ("route_disruption", "backlog", "weather_severity")
CONTRACT = BatchValidator(FEATURES, 100)
DOORS = BatchDecoder(CONTRACT)

numbers = (
    st.integers(-(10**25), 10**25).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,30})\.[0-9]{1,40}([eE][+-]?[0-9]{1,2})?", fullmatch=True)
)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


def decode(text, decoder=DOORS):
    decoded = decoder.decode(RequestBody(JSON, text.encode()))
    assert decoded.format == "records"
    return decoded


def check(body, decoder=DOORS):
    return decode(json.dumps(body), decoder)


def order(order_id, *values):
    return {"order_id": order_id, **dict(zip(FEATURES, values, strict=True))}


def told(decoded):
    return sorted((fault.position, fault.name, fault.code, fault.order_id) for fault in decoded.faults)


@given(orders=st.lists(st.tuples(ids, numbers, numbers, numbers), min_size=1, unique_by=lambda row: row[0]))
def test_a_valid_batch_is_decoded_to_exactly_the_numbers_sent(orders):
    rows = (
        f'{{"order_id":{json.dumps(i)},"route_disruption":{a},"backlog":{b},"weather_severity":{c}}}' for i, a, b, c in orders
    )
    decoded = decode('{"orders":[' + ",".join(rows) + "]}")
    # Adding zero takes the sign from a minus zero, as the contract does.
    sent = [[float(json.loads(text)) + 0.0 for text in row[1:]] for row in orders]
    assert decoded.faults == []
    assert (decoded.batch.matrix.dtype, decoded.batch.matrix.shape) == (np.float64, (len(orders), 3))
    assert decoded.batch.matrix.tobytes() == np.array(sent, np.float64).tobytes()
    assert decoded.batch.ids == [row[0] for row in orders]
    assert list(decoded.positions) == list(range(len(orders)))


@given(st.permutations([("order_id", "A"), ("route_disruption", 2), ("backlog", 3), ("weather_severity", 1)]))
def test_columns_come_in_the_order_of_the_model_whatever_the_order_of_the_names(pairs):
    assert check({"orders": [dict(pairs)]}).batch.matrix.tolist() == [[2.0, 3.0, 1.0]]


@pytest.mark.parametrize(
    "names",
    [
        ("fields", "Meta", "load", "context"),
        ("opts", "many", "only", "exclude", "unknown", "declared_fields"),
        ("load_fields", "dump", "validate", "from_dict", "error_messages", "set_class"),
        ("x1", "x0", "x2"),
        ("_schema", "__class__", "__init__", "_deserialize", "orders"),
        ("class", "None", "self", "data", "attr"),
    ],
)
def test_a_feature_may_have_any_name_that_the_model_format_allows(names):
    decoder = BatchDecoder(BatchValidator(names, 10))
    values = {name: number for number, name in enumerate(names)}
    decoded = check({"orders": [{"order_id": "A", **values}]}, decoder)
    assert (decoded.batch.matrix.tolist(), decoded.faults) == ([[float(number) for number in range(len(names))]], [])
    faulty = check({"orders": [{"order_id": "A", **dict.fromkeys(names)}]}, decoder)
    assert told(faulty) == sorted((0, name, "null", "A") for name in names)


def test_a_null_is_named_by_order_and_field():
    decoded = check({"orders": [order("A", 2, 3, 1), order("B", 2, None, 1)]})
    assert decoded.faults == [Fault("null", 1, "backlog", "B")]


def test_every_fault_of_every_order_is_found():
    orders = [order("A", None, "3", True), order("B", 2, 3, 1), 7, {"order_id": "D", "colour": 1, "backlog": 10**400}]
    assert told(check({"orders": orders})) == [
        (0, "backlog", "not_a_number", "A"),
        (0, "route_disruption", "null", "A"),
        (0, "weather_severity", "not_a_number", "A"),
        (2, None, "not_an_object", None),
        (3, "backlog", "not_finite", "D"),
        (3, "colour", "unknown_name", "D"),
        (3, "route_disruption", "missing", "D"),
        (3, "weather_severity", "missing", "D"),
    ]


def test_the_sound_orders_of_a_faulty_batch_come_out_with_their_positions():
    decoded = check({"orders": [3, order("A", 2, 3, 1), order("B", 2, None, 1), order("C", 5, 9, 4)]})
    assert (decoded.batch.ids, list(decoded.positions)) == (["A", "C"], [1, 3])
    assert decoded.batch.matrix.tolist() == [[2.0, 3.0, 1.0], [5.0, 9.0, 4.0]]


def test_a_batch_without_a_sound_order_still_has_a_column_for_each_feature():
    assert check({"orders": [{}]}).batch.matrix.shape == (0, 3)


def test_each_occurrence_of_a_shared_id_is_named_even_if_its_order_is_faulty():
    decoded = check({"orders": [order("A", 2, 3, 1), order("B", 2, 3, 1), order("A", 2, 3, None)]})
    duplicates = [(fault.position, fault.name) for fault in decoded.faults if fault.code == "duplicate_order_id"]
    assert duplicates == [(0, "order_id"), (2, "order_id")]
    assert decoded.batch.ids == ["B"]


def test_ids_that_cannot_be_used_are_not_called_shared():
    decoded = check({"orders": [order("", 2, 3, 1), order("", 2, 3, 1), order(None, 2, 3, 1), order(None, 2, 3, 1)]})
    assert [fault.code for fault in decoded.faults] == ["wrong_length", "wrong_length", "null", "null"]


def test_a_name_given_twice_is_told_beside_a_shared_id():
    decoded = decode('{"orders": [{"order_id": "B", "order_id": "A"}, {"order_id": "A"}]}')
    codes = [fault.code for fault in decoded.faults if (fault.position, fault.name) == (0, "order_id")]
    assert codes == ["duplicate_key", "duplicate_order_id"]


@pytest.mark.parametrize(("value", "code"), [("null", "null"), ('"3"', "not_a_number"), ("1e400", "not_finite")])
def test_a_name_given_twice_is_told_beside_what_is_wrong_with_its_value(value, code):
    decoded = decode(f'{{"orders": [{{"order_id": "A", "route_disruption": 2, "backlog": 3, "backlog": {value}}}]}}')
    assert [fault.code for fault in decoded.faults if fault.name == "backlog"] == [code, "duplicate_key"]


@pytest.mark.parametrize(("spare", "code"), [(16, "unknown_name"), (17, "too_many_names")])
def test_up_to_16_unknown_names_are_each_named(spare, code):
    decoded = check({"orders": [order("A", 2, 3, 1) | {f"n{at}": 1 for at in range(spare)}]})
    assert {fault.code for fault in decoded.faults} == {code}


def test_an_order_with_too_many_names_has_no_other_fault_but_still_shares_its_id():
    crowded = order("A", 2, 3, 1) | {f"n{at}": 1 for at in range(17)}
    assert told(check({"orders": [crowded, order("A", 2, 3, 1)]})) == [
        (0, None, "too_many_names", "A"),
        (1, "order_id", "duplicate_order_id", "A"),
    ]


@pytest.mark.parametrize(("count", "faults"), [(100, []), (101, [Fault("too_many_orders", path=("orders",), limit=100)])])
def test_a_batch_may_have_as_many_orders_as_the_limit_says(count, faults):
    assert check({"orders": [order(f"A-{at}", 2, 3, 1) for at in range(count)]}).faults == faults


def test_faults_of_the_batch_come_before_those_of_its_orders():
    decoded = check({"orders": [order("A", None, 3, 1)], "model": 1})
    assert [fault.position for fault in decoded.faults] == [None, 0]


def test_faults_at_one_place_come_by_name():
    decoded = check({"orders": [{"b": 1, "order_id": "A", "a": 1, "weather_severity": None, "z": 1}], "y": 1, "x": 1})
    names = [
        *(step for fault in decoded.faults for step in fault.path),
        *(fault.name for fault in decoded.faults if fault.name),
    ]
    assert names == ["x", "y", "a", "b", "backlog", "route_disruption", "weather_severity", "z"]


REPEATED = (
    '{"orders": [{"b": 1, "a": 1, "d": 1, "c": 1, "g": 1, "g": 2, "f": 1, "f": 2, "e": 1, "e": 2}], "z": 1, "y": 1, "x": 1}'
)


def test_the_same_body_gets_its_faults_in_the_same_order_in_every_process():
    script = (
        "import sys; from schemas.formats.json import JsonDecoder; from schemas.formats.format import RequestBody\n"
        "from schemas.validation import BatchValidator; body = RequestBody('application/json', sys.stdin.buffer.read())\n"
        f"print(JsonDecoder(BatchValidator({FEATURES!r}, 9)).decode(body).faults)"
    )
    answers = set()
    for seed in ("1", "2", "3"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        root = ROOT
        answers.add(subprocess.check_output(command, input=REPEATED.encode(), cwd=root, env=environment))
    assert len(answers) == 1


def test_orders_of_a_file_may_be_none():
    decoded = CONTRACT.decode([])
    assert (decoded.batch.matrix.shape, decoded.positions, decoded.faults) == ((0, 3), [], [])


def test_orders_of_a_file_are_checked_as_those_of_a_body():
    decoded = CONTRACT.decode([order("A", 2, 3, 1), order("B", 2, "x", 1)])
    assert (decoded.batch.ids, decoded.faults) == (["A"], [Fault("not_a_number", 1, "backlog", "B")])


def test_refused_rows_leave_the_batch_and_their_faults_find_their_place():
    batch = Batch(["A", "C", "E"], np.array([[1.0], [3.0], [5.0]]))
    first, middle, whole = Fault("null", 1, "x", "B"), Fault("null", 3, "x", "D"), Fault("unknown_name", path=("y",))
    found = DecodedBatch(batch, [0, 2, 4], [first, middle, whole], 5).without(
        {1: [Fault("out_of_numeric_range", 2, None, "C")]}
    )
    assert found.received == 5
    assert (found.batch.ids, found.batch.matrix.tolist(), found.positions) == (["A", "E"], [[1.0], [5.0]], [0, 4])
    assert found.faults == [whole, first, Fault("out_of_numeric_range", 2, None, "C"), middle]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("not_an_object"), ""),
        (Fault("missing", path=("orders",)), "/orders"),
        (Fault("not_an_object", 3), "/orders/3"),
        (Fault("null", 12, "backlog"), "/orders/12/backlog"),
        (Fault("unknown_name", 0, ""), "/orders/0/"),
        (Fault("unknown_name", 0, "~/~1"), "/orders/0/~0~1~01"),
        (Fault("unknown_name", 0, "n" * 300), "/orders/0/" + "n" * 128),
        (Fault("unknown_name", 0, "/" * 300), "/orders/0/" + "~1" * 128),
        (Fault("unknown_name", path=("a\ud800b",)), "/a?b"),
        (Fault("unknown_name", 0, "é🚚"), "/orders/0/é🚚"),
    ],
)
def test_a_pointer_tells_the_place_in_the_body(fault, expected):
    (error,) = error_list([fault], FORMATS["records"].locate)
    assert error["pointer"] == expected
