"""Who may score, in process."""

import io
import json
import logging
import time

import pytest

from schemas.faults import ProblemSchema
from service.auth import token_store
from service.auth.tokens import OPEN
from service.web.errors import MEDIA_TYPE
from tests.bearer_tokens import GOOD, OTHER, WRONG, bearer, line
from tests.unit.service.metrics.test_recorder import samples

READ = ["/model", "/version", "/openapi.json", "/docs", "/docs/init.js", "/metrics"]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line(GOOD, "score", "planner") + line(OTHER, "read", "grafana"))
    return file


@pytest.fixture
def client(make_client, path):
    return make_client(tokens_file=str(path))


def challenge(answer, status):
    assert (answer.status_code, answer.content_type) == (status, MEDIA_TYPE)
    ProblemSchema().load(answer.json)
    return answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("route", ["/score", "/model", "/metrics", "/docs", "/nowhere"])
@pytest.mark.parametrize("form", WRONG)
def test_no_wrong_form_of_a_token_is_let_in_anywhere(client, form, route):
    header = WRONG[form](GOOD)
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}
    answer = client.open(route, method="POST" if route == "/score" else "GET", environ_overrides=environ)
    missing = form in ("missing", "empty", "no scheme", "another scheme")
    assert challenge(answer, 401) == 'Bearer realm="delivery-risk"' + ("" if missing else ', error="invalid_token"')
    assert GOOD not in answer.text


def test_a_token_is_good_for_its_scopes_and_no_others(client, order):
    assert client.post("/score", json={"orders": [order]}, headers=bearer(GOOD)).status_code == 200
    insufficient = 'Bearer realm="delivery-risk", error="insufficient_scope", scope='
    assert challenge(client.post("/score", headers=bearer(OTHER)), 403) == insufficient + '"score"'
    for route in READ:
        assert client.get(route, headers=bearer(OTHER)).status_code == 200
        assert challenge(client.get(route, headers=bearer(GOOD)), 403) == insufficient + '"read"'


def test_every_route_asks_for_a_token_but_the_probes(client):
    for rule in client.application.url_map.iter_rules():
        for method in rule.methods:
            answer = client.open(rule.rule.replace("<path:name>", "init.js"), method=method)
            assert answer.status_code == (200 if rule.rule in OPEN else 401), (rule.rule, method)


def test_only_who_has_a_valid_token_learns_which_paths_there_are(client):
    assert client.get("/nowhere").status_code == client.get("/score").status_code == 401
    assert [client.get(path, headers=bearer(GOOD)).status_code for path in ("/nowhere", "/score")] == [404, 405]


def test_the_body_of_a_request_that_is_turned_away_is_not_read(client):
    class Unreadable(io.BytesIO):
        def read(self, *_):
            raise AssertionError("read")

    for headers, status in (({}, 401), (bearer(OTHER), 403)):
        answer = client.post("/score", input_stream=Unreadable(), content_type="application/json", headers=headers)
        assert answer.status_code == status


def test_the_callers_name_is_in_the_log_line_and_the_count_and_the_token_nowhere(client, order, caplog):
    caplog.set_level(logging.DEBUG)
    client.post("/score", json={"orders": [order]}, headers=bearer(GOOD))
    client.post("/score", json={"orders": [order]}, headers=bearer(OTHER))
    client.post("/score", json={"orders": [order]})
    lines = [record for record in caplog.records if record.name == "delivery_risk.access"]
    assert [getattr(line, "caller", None) for line in lines] == ["planner", "grafana", None]
    answer = client.get("/metrics", headers=bearer(OTHER))
    counts = 'delivery_risk_requests_by_caller_total{caller="planner"} 1.0'
    assert counts in answer.text
    everything = json.dumps([{name: str(value) for name, value in vars(record).items()} for record in caplog.records])
    for token in (GOOD, OTHER):
        assert token not in everything + answer.text


def test_a_file_that_is_not_sound_is_counted(make_client, path, monkeypatch):
    monkeypatch.setattr(token_store, "EVERY", 0.0)
    client = make_client(tokens_file=str(path))
    path.unlink()
    monkeypatch.setattr(token_store, "PATIENCE", 0.0)
    client.get("/livez")
    text = client.get("/metrics", headers=bearer(OTHER)).text
    assert "delivery_risk_tokens_file_failures_total 2.0" in text


def test_without_a_file_the_service_is_open_and_its_document_asks_for_nothing(make_client, order):
    client = make_client()
    for headers in ({}, bearer(GOOD), {"Authorization": "é"}):
        assert client.post("/score", json={"orders": [order]}, headers=headers).status_code == 200
    assert "security" not in client.get("/openapi.json").text
    assert not [name for name, _ in samples(client) if "caller" in name]


def test_with_a_file_that_cannot_be_read_only_the_probes_are_open(make_client, tmp_path, order):
    client = make_client(tokens_file=str(tmp_path / "nowhere"))
    assert [client.get(route).status_code for route in sorted(OPEN)] == [200, 503]
    assert client.post("/score", json={"orders": [order]}, headers=bearer(GOOD)).status_code == 401


FAULTY = {
    "gone": (lambda path: path.unlink(), "cannot be read (No such file or directory)"),
    "empty": (lambda path: path.write_text(""), "holds no token"),
    "at fault": (
        lambda path: path.write_text(line(GOOD) + "SECRET\n"),
        "line 2: expected a name, scopes and the SHA-256 of a token",
    ),
}


@pytest.mark.parametrize("fault", ["gone", *(pytest.param(fault, marks=pytest.mark.long) for fault in ("empty", "at fault"))])
def test_without_any_valid_token_since_its_start_the_service_is_not_ready_and_soon_after_one_it_is(make_client, path, fault):
    spoil, reason = FAULTY[fault]
    spoil(path)
    client = make_client(tokens_file=str(path))
    for _ in range(3):
        answer = client.get("/readyz")
        assert (answer.status_code, answer.content_type) == (503, MEDIA_TYPE)
        assert ProblemSchema().load(answer.json)["detail"] == f"No token is valid: {reason}."
        assert client.get("/livez").status_code == 200
    path.write_text(line(GOOD))
    mended = time.monotonic()
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < mended + 3
        time.sleep(0.02)
    spoil(path)
    began = time.monotonic()
    while time.monotonic() < began + 2 * token_store.PATIENCE:
        assert client.get("/readyz").status_code == 200
        time.sleep(0.02)


def test_a_file_that_changes_its_fault_before_any_token_was_valid_is_told_by_the_new_one(
    make_client, path, caplog, monkeypatch
):
    for name in ("EVERY", "REST", "PATIENCE"):
        monkeypatch.setattr(token_store, name, 0.0)
    path.unlink()
    client = make_client(tokens_file=str(path))
    path.write_text("x")
    assert "line 1" in client.get("/readyz").json["detail"]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "tokens file refused, no token is valid"
    ]


def test_the_document_says_what_each_route_asks_for(client):
    document = client.get("/openapi.json", headers=bearer(OTHER)).json
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    asked = {path: operation.get("security") for path, item in document["paths"].items() for operation in item.values()}
    assert asked.pop("/score") == [{"token": ["score"]}]
    assert asked.pop("/livez") is asked.pop("/readyz") is None
    assert set(map(str, asked.values())) == {"[{'token': ['read']}]"}
    assert set(document["paths"]["/score"]["post"]["responses"]) >= {"401", "403"}
    assert "401" not in document["paths"]["/livez"]["get"]["responses"]
