"""The same orders through every format of POST /score: the same numbers, the same queues, the same refusals."""

import csv
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.result import ColumnsDecisionSchema
from service import config
from tests.apps import app_of

FEATURES = ("route_disruption", "backlog", "weather_severity")
SETTINGS = config.load({})
CLIENT = app_of().test_client()


def send(kind, text, query=""):
    return CLIENT.post(f"/score{query}", data=text.encode(), content_type=kind)


def as_records(ids, values, query=""):
    orders = [{"order_id": key, **dict(zip(FEATURES, row, strict=True))} for key, row in zip(ids, values, strict=True)]
    return send("application/json", json.dumps({"orders": orders}), query)


def as_columns(ids, values, query=""):
    columns = {name: [row[at] for row in values] for at, name in enumerate(FEATURES)}
    return send("application/json", json.dumps({"order_ids": ids, "columns": columns}), query)


def as_table(ids, values, query=""):
    cells = [
        [key, *("" if one is None else json.dumps(one).strip('"') for one in row)] for key, row in zip(ids, values, strict=True)
    ]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (["order_id", *FEATURES], *cells)]
    return send("text/csv", "\r\n".join(lines) + "\r\n", query)


def results(answer):
    """Order id, score and queue and the features out of range of each order, from whatever format."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "text/csv":
        rows = csv.DictReader(answer.text.splitlines())
        return [(r["order_id"], float(r["score"]).hex(), r["queue"], r["out_of_range"].split()) for r in rows]
    found = answer.json
    if "results" in found:
        return [(r["order_id"], r["score"].hex(), r["queue"], r.get("out_of_range", [])) for r in found["results"]]
    outside = found.get("out_of_range", {})
    names = [[name for name in FEATURES if at in outside.get(name, ())] for at in range(len(found["order_ids"]))]
    scores = [score.hex() for score in found["scores"]]
    return list(zip(found["order_ids"], scores, found["queues"], names, strict=True))


ids = st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=9), min_size=1, max_size=9, unique=True)
numbers = st.floats(-50.0, 50.0) | st.integers(-3, 13)


@settings(max_examples=60)
@given(ids, st.data())
def test_the_same_orders_get_the_same_bits_through_every_format(keys, data):
    values = [[data.draw(numbers) for _ in FEATURES] for _ in keys]
    first = results(as_records(keys, values))
    assert results(as_columns(keys, values)) == first
    assert results(as_table(keys, values)) == first


def refusals(answer):
    """What is wrong with which order and which field, wherever the format has it."""
    assert answer.status_code == 422
    found = []
    for error in answer.json["errors"]:
        steps = error["pointer"].split("/")[1:]
        position = next(step for step in steps if step.isdigit())
        name = next((step for step in steps if step in (*FEATURES, "order_id")), "order_id" if "order_ids" in steps else None)
        found.append((int(position), name, error["code"], error.get("order_id")))
    return sorted(found, key=repr)


FAULTY = [
    (["a", "b", "c"], [[1, None, 3], [1, 2, 3], [None, None, 3]]),
    (["a", "b", "a"], [[1, 2, 3], [1, 2, 3], [1, 2, 3]]),
    (["a", "x" * 129], [[1, 2, 3], [1, 2, 3]]),
    (["a", "b"], [[1, "many", 3], [1, 2, 3]]),
]


@pytest.mark.parametrize(("keys", "values"), FAULTY)
def test_the_same_faults_are_told_through_every_format(keys, values):
    first = refusals(as_records(keys, values))
    assert first
    assert refusals(as_columns(keys, values)) == first
    assert refusals(as_table(keys, values)) == first


@pytest.mark.parametrize("send_as", [as_records, as_columns, as_table])
def test_partial_scores_the_sound_orders_and_tells_the_others(send_as):
    answer = send_as(["a", "b", "c"], [[2, 3, 1], [2, None, 1], [8, 7, 9]], "?on_error=partial")
    if answer.mimetype == "text/csv":
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert [(row["order_id"], row["queue"], row["errors"]) for row in rows] == [
            ("a", "monitor", ""),
            ("c", "review", ""),
            ("b", "", "/1/backlog: null"),
        ]
    else:
        assert [row[0] for row in results(answer)] == ["a", "c"]
        assert [(error["order_id"], error["code"]) for error in answer.json["errors"]] == [("b", "null")]


def test_columns_are_answered_as_their_schema_says():
    found = as_columns(["a", "b"], [[2, 3, 1], [2, 30, 1]]).json
    assert ColumnsDecisionSchema().load(found)["out_of_range"] == {"backlog": [1]}
    assert (found["order_ids"], found["queues"], found["model_version"]) == (["a", "b"], ["monitor", "review"], "1.0.0")


BROKEN_COLUMNS = {
    '{"order_ids": [], "columns": {}}': {("/columns/backlog", "missing")},
    '{"order_ids": ["a"]}': {("/columns", "missing")},
    '{"columns": 5, "order_ids": 5}': {("/columns", "not_an_object"), ("/order_ids", "not_a_list")},
    '{"order_ids": ["a"], "columns": {"backlog": [1, 2], "route_disruption": [1], "weather_severity": [1]}}': {
        ("/columns/backlog", "wrong_count")
    },
    '{"order_ids": [], "columns": {"backlog": [], "route_disruption": [], "weather_severity": []}}': {
        ("/order_ids", "empty_batch")
    },
    '{"order_ids": ["a"], "columns": {"backlog": [1], "route_disruption": null, "weather_severity": [1], "x": []}, "y": 1}': {
        ("/columns/route_disruption", "null"),
        ("/columns/x", "unknown_name"),
        ("/y", "unknown_name"),
    },
    '{"order_ids": ["a"], "columns": {' + ",".join(f'"n{n}": 1' for n in range(99)) + "}}": {("/columns", "too_many_names")},
}


@pytest.mark.parametrize(("text", "places"), BROKEN_COLUMNS.items())
def test_columns_that_cannot_be_read_are_told_by_their_place(text, places):
    for query in ("", "?on_error=partial"):
        answer = send("application/json", text, query)
        assert answer.status_code == 422
        assert places <= {(error["pointer"], error["code"]) for error in answer.json["errors"]}


UNSOUND = "line {} is not sound CSV: a quote may be open or out of place."
BROKEN_TABLES = {
    "order_id,backlog,route_disruption,weather_severity\n": (422, ("", "empty_batch")),
    "order_id,backlg,route_disruption,weather_severity\na,1,2,3\n": (422, ("/backlg", "unknown_name")),
    "order_id,backlog,route_disruption,weather_severity,backlog\na,1,2,3,4\n": (422, ("/backlog", "duplicate_key")),
    "order_id" + ",x" * 99 + "\n": (422, ("", "too_many_names")),
    "order_id,backlog,route_disruption,weather_severity\na,1,2\n": (400, "line 2 has 3 cells, the header 4."),
    'order_id,backlog,route_disruption,weather_severity\n\n"a\nb",1,2,3\nc,1,2\n': (400, "line 5 has 3 cells, the header 4."),
    'order_id,backlog,route_disruption,weather_severity\n"a"b,1,2,3\n': (400, UNSOUND.format(2)),
    'order_id,backlog,route_disruption,weather_severity\r\na,1,2,3\r\nb,"1,2,3\r\nc,1,2,3': (400, UNSOUND.format(3)),
    '"order_id,backlog': (400, UNSOUND.format(1)),
    f"order_id,backlog,route_disruption,weather_severity\n{'a' * 140_000},1,2,3\n": (400, UNSOUND.format(2)),
}


@pytest.mark.parametrize(("text", "told"), BROKEN_TABLES.items())
def test_a_table_that_cannot_be_read_is_told_by_its_place(text, told):
    answer = send("text/csv", text)
    status, place = told
    assert answer.status_code == status
    if status == 400:
        assert answer.json["detail"] == place
    else:
        assert place in {(error["pointer"], error["code"]) for error in answer.json["errors"]}


@pytest.mark.parametrize("policy", ["review", "flag", "refuse"])
def test_an_answer_tells_by_which_policy_and_model_it_was_made_and_so_do_the_card_and_the_log(policy, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    client = app_of(out_of_range=policy).test_client()
    digest = client.get("/model").json["model_sha256"]
    assert len(digest) == 64
    assert client.get("/model").json["out_of_range_policy"] == policy
    columns = {"order_ids": ["a"], "columns": {name: [1] for name in FEATURES}}
    for body in ({"orders": [{"order_id": "a", **dict.fromkeys(FEATURES, 1)}]}, columns):
        found = client.post("/score", json=body).json
        assert (found["out_of_range_policy"], found["model_sha256"]) == (policy, digest)
    table = f"order_id,{','.join(FEATURES)}\na,1,1,1\nb,,1,1\n"
    answer = client.post("/score?on_error=partial", data=table, content_type="text/csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [(row["order_id"], row["model_version"], row["model_sha256"]) for row in rows] == [
        (key, "1.0.0", digest) for key in "ab"
    ]
    lines = [record for record in caplog.records if record.route == "/score"]
    assert [line.model_sha256 for line in lines] == [digest] * 3


@pytest.mark.parametrize("policy", ["review", "flag"])
def test_each_row_of_an_answered_table_tells_what_other_answers_have_at_their_heads(policy):
    client = app_of(out_of_range=policy).test_client()
    body = {"orders": [{"order_id": "a", **dict.fromkeys(FEATURES, 1)}]}
    head = {name: str(value) for name, value in client.post("/score", json=body).json.items() if name != "results"}
    table = f"order_id,{','.join(FEATURES)}\na,1,1,1\nb,,1,1\n"
    answer = client.post("/score?on_error=partial", data=table, content_type="text/csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert list(rows[0]) == ["order_id", "score", "queue", "out_of_range", *head, "errors"]
    assert [{name: row[name] for name in head} for row in rows] == [head] * 2
    assert head["out_of_range_policy"] == policy


def test_a_refused_row_of_a_table_without_a_usable_id_is_told_by_its_place():
    answer = as_table(["", "a", "", "x" * 129], [[1, None, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]], "?on_error=partial")
    rows = [(row["order_id"], row["errors"]) for row in csv.DictReader(answer.text.splitlines())]
    assert rows == [
        ("a", ""),
        ("", "/0/backlog: null; /0/order_id: null"),
        ("", "/2/order_id: null"),
        ("", "/3/order_id: wrong_length"),
    ]


@pytest.mark.parametrize("form", ["{}", " {}", "-{}", '"{}"', "{}B-2", "+{}", "{}e9", ".{}"])
def test_a_value_that_has_slipped_into_the_header_is_not_told(form):
    value = form.replace("{}", "7325")
    answer = send("text/csv", f"order_id,{','.join(FEATURES)},{value},other,{value}\n" + "1," * 6 + "1\n")
    errors = {(error["pointer"], error["code"]) for error in answer.json["errors"]}
    assert (answer.status_code, errors) == (422, {("", "unknown_name"), ("/other", "unknown_name"), ("", "duplicate_key")})
    assert "7325" not in answer.text


def test_a_table_whose_line_breaks_were_lost_is_refused_without_its_values():
    lines = [f"order_id,{','.join(FEATURES)}", "A-1,73.25,81.5,99.125", "B-2,64.5,55.75,12.625"]
    answer = send("text/csv", "".join(lines))
    assert ("/weather_severity", "missing") in {(error["pointer"], error["code"]) for error in answer.json["errors"]}
    assert not [value for line in lines[1:] for value in line.split(",")[1:] if value in answer.text]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_table_in_another_encoding_is_told_by_its_line(line, mark, end):
    lines = ["order_id,backlog,route_disruption,weather_severity", "a,1,2,3", "b,1,2,3"]
    lines[line - 1] = lines[line - 1].replace(",", "ü,", 1)
    answer = CLIENT.post("/score", data=mark + end.join(lines).encode("latin-1"), content_type="text/csv")
    assert (answer.status_code, answer.json["detail"]) == (400, f"line {line} is not UTF-8.")


@pytest.mark.parametrize("columns", [4, 10, 99])
def test_a_table_without_a_header_is_told_so_and_none_of_its_values(columns):
    rows = [",".join(f"SECRET-{row}-{column}" for column in range(columns)) for row in range(3)]
    answer = send("text/csv", "\n".join(rows))
    assert answer.status_code == 422
    assert "SECRET" not in answer.text
    if columns < 99:
        missing = {("/" + name, "missing") for name in ("order_id", *FEATURES)}
        assert {(error["pointer"], error["code"]) for error in answer.json["errors"]} == missing


def test_a_header_with_one_known_name_is_one_and_its_other_names_are_told():
    answer = send("text/csv", "order_id,x,y\na,1,2\n")
    found = {(error["pointer"], error["code"]) for error in answer.json["errors"]}
    assert found == {("/" + name, "missing") for name in FEATURES} | {("/x", "unknown_name"), ("/y", "unknown_name")}
