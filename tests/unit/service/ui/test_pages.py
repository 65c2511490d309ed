"""Pages: what all answers below /ui have in common."""

from io import BytesIO

import pytest
from werkzeug.formparser import FormDataParser

from service.ui.access import ROOT
from service.ui.pages import Pages
from tests.apps import service_of
from tests.model_files import edited, with_manifest
from tests.people_pages import PeoplePage
from tests.visitors import ORIGIN, Visitor

URL_ENCODED = "application/x-www-form-urlencoded"
HOSTILE = "<script>alert(1)</script>\"'{{7*7}}&amp;"


@pytest.fixture
def service():
    return service_of(ui="on")


@pytest.fixture
def visitor(service):
    return Visitor(service.app)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ui", 200),
        ("GET", "/ui/order", 200),
        ("HEAD", "/ui/order", 200),
        ("OPTIONS", "/ui/order", 200),
        ("GET", "/ui/style.css", 200),
        ("GET", "/ui/nowhere", 404),
        ("GET", "/ui/order/", 404),
        ("GET", "/ui/%6frder", 404),
        ("DELETE", "/ui/order", 405),
        ("POST", "/ui/order", 403),
    ],
)
def test_every_answer_has_a_policy_that_permits_no_script_no_inline_style_and_no_other_host(visitor, method, path, status):
    answer = visitor.client.open(path, method=method)
    assert answer.status_code == status
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if status >= 400:
        assert answer.content_type == "text/html; charset=utf-8"
        assert method == "HEAD" or answer.headers["X-Request-ID"] in PeoplePage(answer.text).text


def test_answers_elsewhere_are_as_they_were(visitor, make_client):
    for path in ("/", "/model", "/nowhere", "/uix"):
        answer, expected = visitor.get(path), make_client().get(path)
        assert answer.status_code == expected.status_code
        assert {name for name, _ in answer.headers} == {name for name, _ in expected.headers}


def test_no_page_is_answered_at_once_while_others_wait_and_none_counts_as_scoring(service):
    found = [*Pages(service.sessions, service.sessions).routes()]
    assert len(found) > 8
    for route in found:
        assert service.table.at(route.path)[route.method].path.startswith(ROOT)
        environ = {"PATH_INFO": route.path, "REQUEST_METHOD": route.method, "wsgi.input": BytesIO(b"")}
        assert not service.may_answer(environ)
        assert not route.scoring


def test_an_unexpected_failure_is_a_page_that_says_nothing_of_its_cause(visitor, monkeypatch):
    monkeypatch.setattr("service.ui.handlers.order._typical", lambda model: 1 / 0)
    answer = visitor.get("/ui/order")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert "The service failed." in PeoplePage(answer.text).text


def test_texts_of_a_model_are_text(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(with_manifest(edited(["features", 0, "description"], HOSTILE)))
    for page in ("/ui/order", "/ui/upload"):
        seen = Visitor(service_of(ui="on", model=str(path)).app).see(page)
        assert {tag for tag, _ in seen.elements}.isdisjoint({"script"})
        assert page == "/ui/upload" or HOSTILE in seen.text


def test_every_block_of_the_style_sheet_is_closed(visitor):
    depth = 0
    for line in visitor.get("/ui/style.css").text.splitlines():
        assert not line or line.startswith("  ") == (depth > 0) or line.startswith("}")
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_a_style_sheet_that_is_known_is_not_sent_again(visitor):
    answer = visitor.get("/ui/style.css")
    again = visitor.get("/ui/style.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert (answer.content_type, again.status_code, again.data) == ("text/css; charset=utf-8", 304, b"")


@pytest.mark.parametrize("content_type", ["application/json", "text/csv", "", "multipart/form-data"])
def test_a_body_that_is_no_form_is_rejected(visitor, content_type):
    answer = visitor.client.post("/ui/order", data=b"{}", content_type=content_type, headers={"Origin": "http://localhost"})
    assert answer.status_code in (400, 415)


def test_a_form_over_its_limit_is_rejected(visitor):
    answer = visitor.send("/ui/order", {"input-backlog": "1" * 2**20})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/ui/order", "/ui/upload"])
@pytest.mark.parametrize(("body", "status"), [(b"a&" * 5000, 400), (b"a" * (2**20 + 1), 413)])
def test_a_form_without_files_is_rejected_for_its_size_before_it_is_parsed(visitor, monkeypatch, path, body, status):
    monkeypatch.setattr(FormDataParser, "parse", None)
    answer = visitor.client.post(path, data=body, content_type=URL_ENCODED, headers={"Origin": ORIGIN})
    assert answer.status_code == status
