"""POST /outcomes: kept before they are acknowledged, or rejected with all that is wrong."""

import gzip
import json
import logging
import re

import pytest

from schemas.outcome import OutcomesSchema, ReceivedSchema, loads
from service.decisions import reading
from service.web.routes import ROUTES
from tests.apps import samples, service_of
from tests.bearer_tokens import GOOD, OTHER, bearer, line
from tests.unit.service.web.test_errors import problem

BODY = {
    "outcomes": [
        {"order_id": "A-104", "late": True, "at": "2026-11-30T05:00:00Z"},
        {"order_id": "B-208", "late": False, "at": "2026-11-30T07:30:00+01:00", "acted_on": True},
        {"order_id": "A-104", "late": False, "at": "2026-12-01T05:00:00Z"},
    ]
}
COUNTED = 'delivery_risk_outcomes_total{late="%s"}'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def client_of(folder):
    """A function that makes a client of a worker with a decision log under these settings."""

    def made(**given):
        service = service_of(decision_log=str(folder), **given)
        service.show_initial_series()
        service.decision_log.attach(0)
        service.outcome_log.attach(0)
        return service.app.test_client()

    return made


@pytest.fixture
def client(client_of):
    return client_of()


def kept(folder):
    """The outcome records in the folder."""
    files = reading.log_files([str(folder)], reading.OUTCOMES)
    return [loads(each.text) for file in files for each in reading.lines(file) if not each.torn]


def post(client, body, **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = {"CONTENT_LENGTH": str(len(content))}
    return client.post(
        "/outcomes", **({"data": content, "content_type": "application/json", "environ_overrides": length} | more)
    )


def test_outcomes_are_in_the_log_as_they_came_once_they_are_answered(client, folder):
    answer = post(client, BODY, headers={"X-Request-ID": "first"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert ReceivedSchema().load(answer.json) == {"received": 3}
    post(client, BODY)
    first, second = kept(folder)
    assert (first.request_id, first.caller, first.order_ids) == ("first", None, ["A-104", "B-208", "A-104"])
    assert [each.isoformat() for each in first.outcome_at] == [
        "2026-11-30T05:00:00+00:00",
        "2026-11-30T06:30:00+00:00",
        "2026-12-01T05:00:00+00:00",
    ]
    assert (first.late, first.acted_on) == ([True, False, False], [None, True, None])
    assert first.at < second.at
    assert [re.sub("[0-9a-f]{16}", "BOOT", path.name) for path in folder.iterdir()] == ["outcomes-BOOT-0-0.jsonl"]


def test_outcomes_are_counted_by_what_happened_from_0(client):
    assert [samples(client)[COUNTED % late] for late in ("true", "false")] == [0, 0]
    post(client, BODY)
    post(client, {"outcomes": [*BODY["outcomes"], {}]})
    assert [samples(client)[COUNTED % late] for late in ("true", "false")] == [1, 2]


@pytest.mark.parametrize("more", [{}, {"headers": {"Content-Encoding": "gzip"}}])
def test_a_body_may_be_compressed_and_begin_with_a_byte_order_mark(client, folder, more):
    content = b"\xef\xbb\xbf" + json.dumps(BODY).encode()
    content = gzip.compress(content) if more else content
    assert post(client, content, **more).json == {"received": 3}
    assert len(kept(folder)) == 1


def test_every_fault_is_reported_at_once_by_pointer_id_and_code_without_a_value(client, folder):
    rows = [
        {"order_id": "A-104", "late": "secret-1", "at": "secret-2"},
        BODY["outcomes"][0],
        {"order_id": "sec\nret", "late": 1},
    ]
    answer = post(client, {"outcomes": rows, "secret-3": 1})
    found = problem(answer, 422)
    assert {(each["pointer"], each["code"], each.get("order_id")) for each in found["errors"]} == {
        ("/secret-3", "unknown_name", None),
        ("/outcomes/0/late", "not_a_boolean", "A-104"),
        ("/outcomes/0/at", "not_a_time", "A-104"),
        ("/outcomes/2/order_id", "control_character", None),
        ("/outcomes/2/late", "not_a_boolean", None),
        ("/outcomes/2/at", "missing", None),
    }
    assert (found["error_count"], found["detail"]) == (6, "6 errors; no outcome was kept.")
    assert not re.search("secret-[12]|ret", answer.text.replace("secret-3", ""))
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ([], "", "not_an_object"),
        ({}, "/outcomes", "missing"),
        ({"outcomes": None}, "/outcomes", "null"),
        ({"outcomes": {}}, "/outcomes", "not_a_list"),
        ({"outcomes": []}, "/outcomes", "empty_batch"),
        ({"outcomes": BODY["outcomes"] * 2}, "/outcomes", "too_many_orders"),
        (b'{"outcomes": [{}], "outcomes": [%s]}' % json.dumps(BODY["outcomes"][0]).encode(), "/outcomes", "duplicate_key"),
        ({str(n): 1 for n in range(40)}, "", "too_many_names"),
        (b'{"outcomes": [' + b"{}," * 9000 + b"{}]}", "", "too_many_orders"),
    ],
)
def test_a_body_of_another_shape_or_with_too_many_outcomes_is_rejected(client_of, body, pointer, code):
    found = problem(post(client_of(max_orders="5"), body), 422)
    assert [(each["pointer"], each["code"]) for each in found["errors"]] == [(pointer, code)]
    assert ("at most 5" in found["errors"][0]["detail"]) == (code == "too_many_orders")


def test_only_the_first_errors_are_listed_and_all_are_counted(client):
    found = problem(post(client, {"outcomes": [{}] * 150}), 422)
    assert (len(found["errors"]), found["error_count"]) == (100, 450)


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (400, {"data": b'{"outcomes": ['}),
        (400, {"data": json.dumps(BODY).encode("utf-16")}),
        (400, {"query_string": "on_error=partial"}),
        (413, {"data": b" " * 2**21}),
        (415, {"content_type": "text/csv"}),
        (415, {"content_type": "application/json; charset=latin-1"}),
        (411, {"environ_overrides": {"CONTENT_LENGTH": ""}}),
    ],
)
def test_what_cannot_be_read_is_answered_as_for_score(client_of, folder, status, more):
    given = {"environ_overrides": {"CONTENT_LENGTH": str(len(more["data"]))}} if "data" in more else {}
    problem(post(client_of(max_body_bytes="100000"), BODY, **(given | more)), status)
    assert kept(folder) == []


@pytest.mark.parametrize("on_failure", ["refuse", "serve"])
def test_outcomes_that_cannot_be_kept_are_never_acknowledged(client_of, folder, on_failure):
    client = client_of(decision_log_on_failure=on_failure)
    folder.rmdir()
    answer = post(client, BODY)
    assert "Send the outcomes again" in problem(answer, 503)["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert samples(client)[COUNTED % "true"] == 0


def test_without_a_decision_log_the_answer_names_the_setting(make_client):
    answer = post(make_client(), BODY)
    assert problem(answer, 404)["detail"] == "This service keeps no outcomes: DELIVERY_RISK_DECISION_LOG is not set."


def test_only_the_scope_outcome_permits_it_and_permits_nothing_else(client_of, folder, tmp_path, order):
    (tmp_path / "tokens").write_text(line(GOOD, "outcome", "depot") + line(OTHER, "score,read"))
    client = client_of(tokens_file=str(tmp_path / "tokens"))
    problem(post(client, BODY), 401)
    assert 'scope="outcome"' in post(client, BODY, headers=bearer(OTHER)).headers["WWW-Authenticate"]
    assert post(client, BODY, headers=bearer(GOOD)).status_code == 200
    assert [record.caller for record in kept(folder)] == ["depot"]
    problem(client.post("/score", json={"orders": [order]}, headers=bearer(GOOD)), 403)
    problem(client.get("/model", headers=bearer(GOOD)), 403)


def test_the_log_line_of_a_request_counts_outcomes_or_error_codes(client, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    post(client, BODY)
    post(client, {"outcomes": [{"order_id": "A-104"}]})
    found = [record.fields for record in caplog.records if record.name == "delivery_risk.access"]
    assert [each["route"] for each in found] == ["/outcomes"] * 2
    assert [each.get("outcomes") for each in found] == [3, None]
    assert found[1]["error_codes"] == {"missing": 2}
    assert not any("orders" in each for each in found)


def test_its_example_is_what_it_takes_and_its_schemas_are_in_the_document(client):
    operation = client.get("/openapi.json").json["paths"]["/outcomes"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert not OutcomesSchema().validate(content["example"])
    assert post(client, content["example"]).json == operation["responses"]["200"]["content"]["application/json"]["example"]
    (row,) = [route for route in ROUTES if route.path == "/outcomes"]
    assert {str(status) for status in row.problems} <= operation["responses"].keys()
