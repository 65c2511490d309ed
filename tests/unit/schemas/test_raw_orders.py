"""Raw orders, with gaps and categories: every format reads the same batch, and names the same faults."""

import csv as plain_csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.manifest import Input
from schemas.files.row import Layout, reserved_names, result_names
from schemas.files.table import FILES
from schemas.formats.table import COLUMNS, CSV, FORMATS, JSON, BatchDecoder, RequestBody
from schemas.result import results
from schemas.validation import BatchValidator
from service.scoring.batch import Options, score_batch
from tests.order_files import opened
from tests.raw_orders import INPUTS, ORDERS, preparations, raw_model, raw_orders

DECODER = BatchDecoder(BatchValidator(INPUTS, 100))


def records(orders):
    return JSON, json.dumps({"orders": orders})


def columns(orders, names):
    given = {name: [order.get(name) for order in orders] for name in names}
    return COLUMNS, json.dumps({"order_ids": [order["order_id"] for order in orders], "columns": given})


def table(orders, names):
    text = io.StringIO(newline="")
    writer = plain_csv.writer(text)
    writer.writerow(["order_id", *names])
    writer.writerows([order["order_id"], *(order.get(name) for name in names)] for order in orders)
    return CSV, text.getvalue()


def decoded(body, decoder=DECODER):
    media_type, text = body
    return decoder.decode(RequestBody(media_type, text.encode()))


def in_every_format(orders, inputs):
    """The bodies of these orders: with all names, and with those alone that an order has."""
    names = [each.name for each in inputs]
    some = [each.name for each in inputs if not each.optional or any(each.name in order for order in orders)]
    complete = [{"order_id": order["order_id"]} | {name: order.get(name) for name in names} for order in orders]
    bodies = [records(orders), records(complete), columns(orders, names), columns(orders, some)]
    return [*bodies, table(orders, names), table(orders, some)]


@settings(max_examples=100)
@given(st.data())
def test_raw_orders_are_the_same_batch_in_every_format(data):
    inputs, _ = data.draw(preparations())
    orders = data.draw(raw_orders(inputs))
    decoder = BatchDecoder(BatchValidator(inputs, 100))
    first, *others = (decoded(body, decoder) for body in in_every_format(orders, inputs))
    assert (first.faults, len(first.batch)) == ([], len(orders))
    for each in others:
        assert (each.faults, each.batch.ids) == ([], first.batch.ids)
        assert each.batch.matrix.tobytes() == first.batch.matrix.tobytes()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@settings(max_examples=50)
@given(st.data())
def test_files_are_read_as_bodies_are_by_rows_and_by_columns(kind, data):
    inputs, _ = data.draw(preparations())
    orders = data.draw(raw_orders(inputs))
    validator, names = BatchValidator(inputs, 100), [each.name for each in inputs]
    expected = validator.decode(orders).batch.matrix.tobytes()
    text = table(orders, names)[1] if kind == "csv" else "\n".join(map(json.dumps, orders))
    reader = FILES[kind].reader(opened(text), Layout(inputs))
    for block in reader.blocks(100):
        rows = block if isinstance(block, list) else reader.rows(block)
        assert validator.decode([dict(row.order) for row in rows]).batch.matrix.tobytes() == expected
        found = None if isinstance(block, list) else reader.columns(block)
        decoded = found and validator.typed(found.ids, found.values)
        assert decoded is None or decoded.batch.matrix.tobytes() == expected


@pytest.mark.parametrize("body", in_every_format(ORDERS, INPUTS)[:4])
def test_valid_raw_orders_take_the_fast_path(body):
    media_type, text = body
    assert DECODER.valid(RequestBody(media_type, text.replace("\\u00fc", "ü").encode())) is not None


FAULTS = {
    "carrier": {
        "ZZ": "unknown_category",
        "aa": "unknown_category",
        " AA": "unknown_category",
        3: "not_a_string",
        None: "null",
        ...: "missing",
    },
    "distance": {"far": "not_a_number", True: "not_a_number", None: "null", ...: "missing", 10**400: "not_finite"},
    "depot": {"x" * 65: "wrong_length", "a\tb": "control_character", 3.5: "not_a_string", "": "wrong_length"},
    "size": {"XL": "unknown_category", "s": "unknown_category", False: "not_a_string"},
    "backlog": {"": "not_a_number", "3": "not_a_number", (1,): "not_a_number"},
}
CASES = [(name, value, code) for name, values in FAULTS.items() for value, code in values.items()]


@pytest.mark.parametrize(("name", "value", "code"), CASES)
def test_a_fault_of_a_raw_order_has_its_code_and_place(name, value, code):
    orders = [ORDERS[0], {at: each for at, each in (ORDERS[1] | {name: value}).items() if each is not ...}]
    found = decoded(records(orders)).faults
    assert [(each.position, each.name, each.code, each.order_id) for each in found] == [(1, name, code, "A:2")]
    if value is not ...:
        (fault,) = decoded(columns(orders, [each.name for each in INPUTS])).faults
        assert (fault.position, fault.name, fault.code) == (1, name, code)


@pytest.mark.parametrize("name", ["carrier", "size"])
def test_a_category_that_is_not_known_is_named_in_csv_too(name):
    (fault,) = decoded(table([ORDERS[0], ORDERS[1] | {name: "ZZ"}], [each.name for each in INPUTS])).faults
    assert (fault.position, fault.name, fault.code) == (1, name, "unknown_category")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_a_fault_where_a_number_may_be_missing_too(literal):
    _, text = records([ORDERS[0], ORDERS[1] | {"backlog": 9.5}])
    assert "\\u00fc" not in text
    for changed in (text, text.replace("B:6", "\\u0042:6")):  # the second is not read by the fast path
        (fault,) = decoded((JSON, changed.replace("9.5", literal))).faults
        assert (fault.position, fault.name, fault.code) == (1, "backlog", "not_finite")


def test_a_name_given_twice_is_found_although_another_is_absent():
    text = records([ORDERS[1]])[1].replace('"distance": 0', '"distance": 0, "distance": 0')
    assert [fault.code for fault in decoded((JSON, text)).faults] == ["duplicate_key"]


def test_a_column_that_an_order_must_have_may_not_be_absent():
    names = [each.name for each in INPUTS if each.name != "carrier"]
    for body in (columns(ORDERS, names), table(ORDERS, names)):
        assert [(fault.code, fault.path[-1]) for fault in decoded(body).faults] == [("missing", "carrier")]


MODEL = raw_model()
SCORED = score_batch(MODEL, decoded(records(ORDERS)), Options("review"))


def test_a_result_names_what_is_missing_unknown_and_out_of_range():
    assert [(each.out_of_range, each.imputed, each.unknown) for each in results(SCORED)] == [
        ((), (), ()),
        ((), ("backlog", "size"), ("depot",)),
        (("month",), ("backlog", "depot", "size"), ()),
        (("backlog",), ("depot",), ()),
    ]


def test_every_answer_names_them():
    answers = {}
    for name, body in {"records": records(ORDERS), "typed_columns": columns(ORDERS, [each.name for each in INPUTS])}.items():
        scored = score_batch(MODEL, decoded(body), Options("review"))
        answers[name] = json.loads(FORMATS[name].encode(scored))
    assert [each.get("imputed", []) for each in answers["records"]["results"]][2] == ["backlog", "depot", "size"]
    found = answers["typed_columns"]
    assert found["imputed"] == {"backlog": [1, 2], "depot": [2, 3], "size": [1, 2]}
    assert (found["unknown"], found["out_of_range"]) == ({"depot": [1]}, {"month": [2], "backlog": [3]})
    scored = score_batch(MODEL, decoded(table(ORDERS, [each.name for each in INPUTS])), Options("review"))
    rows = list(plain_csv.DictReader(io.StringIO(FORMATS["csv"].encode(scored).decode())))
    assert [(row["imputed"], row["unknown"]) for row in rows][1:3] == [("backlog size", "depot"), ("backlog depot size", "")]


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ([Input("x")], ()),
        ([Input("x", missing=1.0)], ("imputed",)),
        ([Input("x", kind="category", values=("a",))], ()),
        ([Input("x", kind="category", values=("a",), unknown="none")], ("imputed", "unknown")),
    ],
)
def test_a_result_has_the_columns_that_its_inputs_need(inputs, names):
    manifest = replace(MODEL.manifest, inputs=tuple(inputs), features=())
    assert result_names(manifest)[3:] == names
    assert reserved_names(manifest) >= {*names, "score", "refused_line"}
