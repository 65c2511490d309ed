import json
import logging
import time

import pytest

from service.auth import token_store
from service.web.errors import MEDIA_TYPE
from service.web.route import ANY_NAME
from service.web.routes import ROUTES
from tests.apps import samples, service_of
from tests.bearer_tokens import GOOD, OTHER, UNKNOWN, WRONG, bearer, line
from tests.servers import until
from tests.unit.service.web.test_errors import problem
from tests.unit.service.web.test_request_body import NotRead

REALM = 'Bearer realm="delivery-risk"'
READ = ["/", "/model", "/version", "/openapi.json", "/docs", "/docs/init.js", "/metrics"]
OPEN = [route.path for route in ROUTES if route.scope is None]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line(GOOD, "score", "planner") + line(OTHER, "read", "grafana"))
    return file


@pytest.fixture
def service(path):
    """A function that makes the service with the file as it is now."""
    return lambda: service_of(tokens_file=str(path))


@pytest.fixture
def client(make_client, path):
    return make_client(tokens_file=str(path))


def challenge(answer, status):
    problem(answer, status)
    return answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_form_of_a_token_gets_401_on_every_path(client, form):
    header, missing = WRONG[form](GOOD), form in list(WRONG)[:4]
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}
    for method, route in (("POST", "/score"), ("GET", "/score"), *(("GET", route) for route in [*READ, "/nowhere"])):
        answer = client.open(route, method=method, environ_overrides=environ)
        assert challenge(answer, 401) == REALM + ("" if missing else ', error="invalid_token"')
        assert GOOD not in answer.text
        assert UNKNOWN not in answer.text


def test_a_token_is_valid_for_its_scopes_and_no_others(client, order):
    assert client.post("/score", json={"orders": [order]}, headers=bearer(GOOD)).status_code == 200
    insufficient = f'{REALM}, error="insufficient_scope", scope='
    assert challenge(client.post("/score", headers=bearer(OTHER)), 403) == insufficient + '"score"'
    for method, route in (("OPTIONS", "/score"), ("HEAD", "/version")):
        statuses = [client.open(route, method=method, headers=bearer(token)).status_code for token in (OTHER, GOOD)]
        assert statuses == [200, 403], method
    for route in READ:
        assert client.get(route, headers=bearer(OTHER)).status_code == 200
        assert challenge(client.get(route, headers=bearer(GOOD)), 403) == insufficient + '"read"'


def test_every_method_of_every_route_but_the_probes_needs_a_token(client):
    assert OPEN == ["/livez", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]
    for route in ROUTES:
        for method in route.methods:
            answer = client.open(route.path.replace(ANY_NAME, "init.js"), method=method)
            assert answer.status_code == (200 if route.path in OPEN else 401), (route.path, method)


def test_only_a_caller_with_a_valid_token_learns_which_paths_exist(client):
    assert [client.get(path, headers=bearer(GOOD)).status_code for path in ("/nowhere", "/score")] == [404, 405]


def test_the_body_of_an_unauthenticated_request_is_not_read(client):
    for headers, status in (({}, 401), (bearer(OTHER), 403)):
        answer = client.post("/score", input_stream=NotRead(), content_type="application/json", headers=headers)
        assert answer.status_code == status


def test_the_callers_name_is_logged_and_counted_and_the_token_is_nowhere(client, order, caplog):
    caplog.set_level(logging.DEBUG)
    for headers in (bearer(GOOD), bearer(OTHER), {}):
        client.post("/score", json={"orders": [order]}, headers=headers)
    lines = [record for record in caplog.records if record.name == "delivery_risk.access"]
    assert [getattr(line, "caller", None) for line in lines] == ["planner", "grafana", None]
    answer = client.get("/metrics", headers=bearer(OTHER))
    assert 'delivery_risk_requests_by_caller_total{caller="planner"} 1.0' in answer.text
    everything = json.dumps([{name: str(value) for name, value in vars(record).items()} for record in caplog.records])
    for token in (GOOD, OTHER):
        assert token not in everything + answer.text


def test_an_invalid_file_is_counted(service, path, monkeypatch):
    monkeypatch.setattr(token_store, "PATIENCE", 0.0)
    made = service()
    path.unlink()
    for _ in range(2):
        made.file_watcher.looks["tokens"]()
    assert samples(made.app.test_client(), **bearer(OTHER))["delivery_risk_tokens_file_failures_total"] == 2


def test_without_a_file_authentication_is_off_and_not_documented(make_client, order):
    client = make_client()
    for headers in ({}, bearer(GOOD), {"Authorization": "é"}):
        assert client.post("/score", json={"orders": [order]}, headers=headers).status_code == 200
    assert "security" not in client.get("/openapi.json").text
    assert not [name for name in samples(client) if "caller" in name]


UNREADABLE = [
    (None, "cannot be read (No such file or directory)"),
    pytest.param("", "the file has no token", marks=pytest.mark.long),
    pytest.param(line(GOOD) + "x", "line 2: expected a name, scopes and the SHA-256 of a token", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("text", "reason"), UNREADABLE)
def test_the_service_is_not_ready_until_any_token_was_valid_and_is_ready_from_then_on(service, path, order, text, reason):
    def spoil():
        path.unlink() if text is None else path.write_text(text)

    spoil()
    made = service()
    client, look = made.app.test_client(), made.file_watcher.looks["tokens"]
    for _ in range(3):
        look()
        assert problem(client.get("/readyz"), 503)["detail"] == f"No token is valid: {reason}."
        assert client.get("/livez").status_code == 200
        assert client.post("/score", json={"orders": [order]}, headers=bearer(GOOD)).status_code == 401
    path.write_text(line(GOOD))
    assert until(lambda: look() or client.get("/readyz").status_code == 200, 3)
    spoil()
    began = time.monotonic()
    while time.monotonic() < began + 2 * token_store.PATIENCE:
        look()
        assert client.get("/readyz").status_code == 200
        time.sleep(0.02)


def test_a_file_with_a_new_fault_before_any_token_was_valid_is_reported_by_it(service, path, caplog, monkeypatch):
    for name in ("REST", "PATIENCE"):
        monkeypatch.setattr(token_store, name, 0.0)
    path.unlink()
    made = service()
    path.write_text("x")
    made.file_watcher.looks["tokens"]()
    answer = made.app.test_client().get("/readyz")
    assert (answer.content_type, "line 1" in answer.json["detail"]) == (MEDIA_TYPE, True)
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["tokens file is not valid; no token is valid"]


def test_the_document_says_which_scope_each_route_needs(client):
    document = client.get("/openapi.json", headers=bearer(OTHER)).json
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    needed = {path: operation.get("security") for path, item in document["paths"].items() for operation in item.values()}
    assert needed.pop("/score") == [{"token": ["score"]}]
    assert needed.pop("/outcomes") == [{"token": ["outcome"]}]
    assert [needed.pop(path) for path in OPEN] == [None] * 5
    scoring = [path for path in needed if path.endswith((":predict", ":explain"))]
    assert [needed.pop(path) for path in scoring] == [[{"token": ["score"]}]] * 2
    assert set(map(str, needed.values())) == {"[{'token': ['read']}]"}
    assert set(document["paths"]["/score"]["post"]["responses"]) >= {"401", "403"}
    assert "401" not in document["paths"]["/livez"]["get"]["responses"]
