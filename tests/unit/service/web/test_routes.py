"""One row of the route table is all that a route needs."""

from types import SimpleNamespace
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service import config
from service.app import build
from service.server import hooks
from service.web import errors
from service.web.route import ANY_NAME, Route, RouteTable
from service.web.routes import ROUTES
from tests.apps import app_of, samples
from tests.bearer_tokens import GOOD, OTHER, bearer, line

ROW = Route(
    "POST",
    "/again",
    lambda components, request: {"threshold": components.serving.active.champion.model.manifest.threshold},
    scope="score",
    scoring=True,
    summary="Score once more",
    answer={"application/json": {}},
    problems=(418,),
)
QUIET = Route("GET", "/quiet", lambda *_: {}, scope=None, traced=False)


@pytest.fixture
def service(tmp_path):
    (tmp_path / "tokens").write_text(line(GOOD, "score") + line(OTHER, "read"))
    settings = config.load({"DELIVERY_RISK_TOKENS_FILE": str(tmp_path / "tokens")})
    service = build(settings, {}, (*ROUTES, ROW, QUIET))
    service.show_initial_series()
    return service


@pytest.fixture
def client(service):
    return service.app.test_client()


def test_it_is_documented_if_it_has_a_summary(client, monkeypatch):
    monkeypatch.setitem(errors.PROBLEMS, 418, ("teapot", "It is a teapot."))
    paths = client.get("/openapi.json", headers=bearer(OTHER)).json["paths"]
    operation = paths["/again"]["post"]
    assert (operation["summary"], operation["security"]) == ("Score once more", [{"token": ["score"]}])
    assert {"200", "401", "403", "418", "500"} <= operation["responses"].keys()
    assert "application/json" in operation["requestBody"]["content"]
    assert "/quiet" not in paths


def test_it_is_served_and_authenticated_by_its_scope(client):
    assert [client.post("/again", headers=headers).status_code for headers in ({}, bearer(OTHER))] == [401, 403]
    assert client.post("/again", headers=bearer(GOOD)).json == {"threshold": 0.6}
    assert client.get("/quiet").status_code == 200


def test_it_is_traced_unless_it_says_otherwise(service, client):
    exporter = InMemorySpanExporter()
    service.tracer._provider = TracerProvider(shutdown_on_exit=False)
    service.tracer._provider.add_span_processor(SimpleSpanProcessor(exporter))
    client.post("/again", headers=bearer(GOOD))
    client.get("/quiet")
    assert [span.name for span in exporter.get_finished_spans()] == ["POST /again"]


def test_it_is_counted_and_shown_at_0_before(client):
    before = {
        name: value for name, value in samples(client, **bearer(OTHER)).items() if 'route="/again"' in name and "_count" in name
    }
    assert (len(before) > 1, set(before.values())) == (True, {0})
    client.post("/again", headers=bearer(GOOD))
    found = samples(client, **bearer(OTHER))
    grown = [name for name in before if found[name] != 0]
    assert grown == ['http_request_duration_seconds_count{method="POST",route="/again",status="200"}']


@pytest.mark.parametrize(("method", "path", "counted"), [("POST", "/again", 1), ("GET", "/quiet", 0), ("GET", "/again", 0)])
def test_it_is_in_progress_as_long_as_gunicorn_answers_it_if_it_scores(service, client, method, path, counted):
    options, request = hooks.options(service), SimpleNamespace(method=method, path=path, body=None)
    options["pre_request"](None, request)
    assert samples(client, **bearer(OTHER))["delivery_risk_requests_in_progress"] == counted
    options["post_request"](None, request, {}, None)
    assert samples(client, **bearer(OTHER))["delivery_risk_requests_in_progress"] == 0


@pytest.mark.parametrize("path", [route.path.replace(ANY_NAME, "swagger-ui.css") for route in ROUTES if route.method == "GET"])
def test_a_text_is_answered_with_its_charset(path):
    with CLIENT.get(path) as answer:
        assert answer.content_type.endswith("; charset=utf-8") == answer.content_type.startswith("text/")


def test_a_path_with_names_is_found_by_any_name_without_a_slash_and_a_colon():
    table = RouteTable([Route("GET", "/a/<one>", id), Route("POST", "/a/<one>:do", id), Route("GET", "/a/<one>/b/<two>", id)])
    expected = {"/a/x": "/a/<one>", "/a/x:do": "/a/<one>:do", "/a/x%2Fy/b/z": "/a/<one>/b/<two>", "/a/x.y": "/a/<one>"}
    assert {path: {route.path for route in table.at(path).values()} for path in expected} == {
        path: {template} for path, template in expected.items()
    }
    for path in ("/a/", "/a", "/a/x/", "/a/x:", "/a/x:don", "/a/:do", "/a/x/b/", "/a//b/z", "/a/x/b/z/", "/A/x"):
        assert table.at(path) == {}, path


CLIENT = app_of().test_client()
CHANGES = [
    *(lambda path, at: "/" + path, lambda path, at: path + "/", lambda path, at: path + ";a=b", lambda path, at: path + "%20"),
    *(lambda path, at: path[:at] + "/" + path[at:], lambda path, at: path[:at] + "%00" + path[at:]),
    *(lambda path, at: f"{path[:at]}%{ord(path[at]):02x}{path[at + 1 :]}", lambda path, at: path[:at] + "/." + path[at:]),
    *(lambda path, at: path[:at] + path[at:].upper(), lambda path, at: quote(path, safe="")),
]


@given(st.sampled_from([route for route in ROUTES if "<" not in route.path]), st.sampled_from(CHANGES), st.data())
def test_a_path_that_differs_from_a_route_in_any_character_is_another_path(route, change, data):
    path = change(route.path, data.draw(st.integers(0, len(route.path) - 1)))
    environ = {"RAW_URI": path, "PATH_INFO": unquote(path, "latin-1")}
    found = CLIENT.open("/", method=route.method, environ_overrides=environ).status_code == 404
    assert found == all(path != other.path for other in ROUTES)
