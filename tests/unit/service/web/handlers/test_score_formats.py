"""The same orders in every format of POST /score: the same numbers, queues and faults."""

import csv
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.answer_schemas import ColumnsDecisionSchema
from schemas.formats.table import COLUMNS, CSV, JSON
from tests.apps import app_of
from tests.arrow_bodies import ARROW, as_arrow, in_csv
from tests.facts import FEATURES
from tests.mutated_bodies import as_columns, as_csv

CLIENT = app_of().test_client()
HEADER = f"order_id,{','.join(FEATURES)}"
FORMS = {
    "records": (JSON, lambda orders: json.dumps({"orders": orders})),
    "columns": (JSON, as_columns),
    "typed columns": (COLUMNS, as_columns),
    "table": (CSV, as_csv),
    "arrow": (ARROW, as_arrow),
}


def send(kind, body, query="", client=CLIENT):
    return in_csv(client.post(f"/score{query}", data=body, content_type=kind))


def send_as(form, ids, values, query=""):
    orders = [{"order_id": key, **dict(zip(FEATURES, row, strict=True))} for key, row in zip(ids, values, strict=True)]
    kind, encode = FORMS[form]
    return send(kind, encode(orders), query)


def rows_of(answer):
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8"), answer.text
    return list(csv.DictReader(answer.text.splitlines()))


def results(answer):
    """Order id, score, queue and features out of range of each order, from any format."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "text/csv":
        return [(r["order_id"], float(r["score"]).hex(), r["queue"], r["out_of_range"].split()) for r in rows_of(answer)]
    found = answer.json
    if "results" in found:
        return [(r["order_id"], r["score"].hex(), r["queue"], r.get("out_of_range", [])) for r in found["results"]]
    outside = ColumnsDecisionSchema().load(found).get("out_of_range", {})
    names = [[name for name in FEATURES if at in outside.get(name, ())] for at in range(len(found["order_ids"]))]
    scores = [score.hex() for score in found["scores"]]
    return list(zip(found["order_ids"], scores, found["queues"], names, strict=True))


def errors_of(answer):
    return {(error["pointer"], error["code"]) for error in answer.json["errors"]}


ids = st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=9), min_size=1, max_size=9, unique=True)
numbers = st.floats(-50.0, 50.0) | st.integers(-3, 13)


@settings(max_examples=60)
@given(ids, st.data())
def test_the_same_orders_get_the_same_bits_in_every_format(keys, data):
    values = [[data.draw(numbers) for _ in FEATURES] for _ in keys]
    first, *others = (results(send_as(form, keys, values)) for form in FORMS)
    assert others == [first] * len(others)


def faults(answer):
    """Position, field, code and order id of each fault, from any format."""
    assert answer.status_code == 422
    found = []
    for error in answer.json["errors"]:
        steps = error["pointer"].split("/")[1:]
        position = next(step for step in steps if step.isdigit())
        name = next((step for step in steps if step in (*FEATURES, "order_id")), "order_id" if "order_ids" in steps else None)
        found.append((int(position), name, error["code"], error.get("order_id")))
    return sorted(found, key=repr)


FAULTY = [
    *((["a", "b", "c"], [[1, None, 3], [1, 2, 3], [None, None, 3]]), (["a", "b", "a"], [[1, 2, 3]] * 3)),
    *((["a", "x" * 129], [[1, 2, 3]] * 2), (["a", "b"], [[1, "many", 3], [1, None, 3]])),
]


@pytest.mark.parametrize(("keys", "values"), FAULTY)
def test_the_same_faults_are_reported_in_every_format(keys, values):
    first, *others = (faults(send_as(form, keys, values)) for form in FORMS)
    assert first
    assert others == [first] * len(others)


def test_partial_scores_the_valid_orders_and_reports_the_others_in_every_format():
    given = (["a", "b", "c"], [[2, 3, 1], [2, None, 1], [8, 7, 9]], "?on_error=partial")
    for form in ("records", "columns"):
        answer = send_as(form, *given)
        assert [row[0] for row in results(answer)] == ["a", "c"]
        assert [(error["order_id"], error["code"]) for error in answer.json["errors"]] == [("b", "null")]
    for form in ("table", "arrow"):
        rows = [(row["order_id"], row["queue"], row["errors"]) for row in rows_of(send_as(form, *given))]
        assert rows == [("a", "monitor", ""), ("c", "review", ""), ("b", "", "/1/backlog: null")]


INVALID = "line {} is not valid CSV; check for a quote that is open or out of place."
CSV_FAULTS = {
    f"{HEADER}\n": {("", "empty_batch")},
    "order_id,backlg,route_disruption,weather_severity\na,1,2,3\n": {("/backlg", "unknown_name"), ("/backlog", "missing")},
    f"{HEADER},backlog\na,1,2,3,4\n": {("/backlog", "duplicate_key")},
    "order_id" + ",x" * 99 + "\n": {("", "too_many_names")},
    "order_id,x,y\na,1,2\n": {("/x", "unknown_name"), ("/y", "unknown_name"), *(("/" + name, "missing") for name in FEATURES)},
    f"{HEADER}\na,1,2\n": "line 2 has 3 cells, but the header has 4.",
    f'{HEADER}\n\n"a\nb",1,2,3\nc,1,2\n': "line 5 has 3 cells, but the header has 4.",
    f'{HEADER}\n"a"b,1,2,3\n': INVALID.format(2),
    f'{HEADER}\r\na,1,2,3\r\nb,"1,2,3\r\nc,1,2,3': INVALID.format(3),
    '"order_id,backlog': INVALID.format(1),
    f"{HEADER}\n{'a' * 140_000},1,2,3\n": INVALID.format(2),
}


@pytest.mark.parametrize(("text", "expected"), CSV_FAULTS.items())
def test_an_invalid_table_is_reported_by_line_or_column(text, expected):
    answer = send(CSV, text)
    if isinstance(expected, str):
        assert (answer.status_code, answer.json["detail"]) == (400, expected)
    else:
        assert (answer.status_code, errors_of(answer)) == (422, expected)


@pytest.mark.parametrize("policy", ["review", "flag", "refuse"])
def test_the_policy_and_the_model_are_in_every_answer_in_each_row_in_the_model_card_and_in_the_log(policy, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    client = app_of(out_of_range=policy).test_client()
    card = client.get("/model").json
    digest = card["model_sha256"]
    assert (len(digest), card["out_of_range_policy"]) == (64, policy)
    order = {"order_id": "a", **dict.fromkeys(FEATURES, 1)}
    answers = [send(JSON, body, client=client).json for body in (json.dumps({"orders": [order]}), as_columns([order]))]
    results = ("results", "order_ids", "scores", "queues")
    head, other = ({name: value for name, value in answer.items() if name not in results} for answer in answers)
    assert head == other
    assert (head["out_of_range_policy"], head["model_sha256"], head["model_version"]) == (policy, digest, "1.0.0")
    rows = rows_of(send(CSV, f"{HEADER}\na,1,1,1\nb,,1,1\n", "?on_error=partial", client))
    assert list(rows[0]) == ["order_id", "score", "queue", "out_of_range", *head, "errors"]
    head = {name: str(value) for name, value in head.items()}
    assert [(row["order_id"], {name: row[name] for name in head}) for row in rows] == [("a", head), ("b", head)]
    assert [record.model_sha256 for record in caplog.records if record.route == "/score"] == [digest] * 3


def test_a_rejected_row_without_a_usable_id_is_reported_by_its_position():
    values = [[1, None, 1], *[[1, 1, 1]] * 3]
    rows = rows_of(send_as("table", ["", "a", "", "x" * 129], values, "?on_error=partial"))
    assert [row["order_id"] for row in rows] == ["a", "", "", ""]
    errors = ["", "/0/backlog: null; /0/order_id: null", "/2/order_id: null", "/3/order_id: wrong_length"]
    assert [row["errors"] for row in rows] == errors


@pytest.mark.parametrize("form", ["{}", " {}", "-{}", '"{}"', "{}B-2", "+{}", "{}e9", ".{}"])
def test_a_value_in_the_header_is_not_repeated(form):
    value = form.replace("{}", "7325")
    answer = send(CSV, f"{HEADER},{value},other,{value}\n" + "1," * 6 + "1\n")
    assert answer.status_code == 422
    assert errors_of(answer) == {("", "unknown_name"), ("/other", "unknown_name"), ("", "duplicate_key")}
    assert "7325" not in answer.text


@pytest.mark.parametrize("columns", [4, 10, 99])
def test_a_table_without_a_header_is_rejected_without_its_values(columns):
    rows = [",".join(f"SECRET-{row}-{column}" for column in range(columns)) for row in range(3)]
    answer = send(CSV, "\n".join(rows))
    assert answer.status_code == 422
    assert "SECRET" not in answer.text
    if columns < 99:
        assert errors_of(answer) == {("/" + name, "missing") for name in ("order_id", *FEATURES)}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_table_in_another_encoding_is_reported_by_its_line(mark, end):
    for line in range(3):
        lines = [HEADER, "a,1,2,3", "b,1,2,3"]
        lines[line] = lines[line].replace(",", "ü,", 1)
        answer = send(CSV, mark + end.join(lines).encode("latin-1"))
        assert (answer.status_code, answer.json["detail"]) == (400, f"line {line + 1} is not UTF-8.")


def test_columns_by_their_media_type_are_answered_by_it_and_records_are_not_columns():
    orders = [{"order_id": "a", **dict.fromkeys(FEATURES, 1)}]
    assert [send(kind, as_columns(orders)).content_type for kind in (COLUMNS, JSON)] == [COLUMNS, JSON]
    answer = send(COLUMNS, json.dumps({"orders": orders}))
    assert answer.status_code == 422
    assert errors_of(answer) == {("/orders", "unknown_name"), ("/order_ids", "missing"), ("/columns", "missing")}
