"""Requests changed at random: each is answered or rejected, and no rejection repeats a value."""

import csv
import io
import json
import random
import re
from collections import Counter

import pytest
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from schemas.faults import CODES, LONGEST_NAME
from schemas.formats.table import CSV, JSON
from service.web.errors import MEDIA_TYPE, MOST_ERRORS, PROBLEMS
from tests.apps import app_of
from tests.facts import ORDER
from tests.mutated_bodies import MARKS, mutant

VALID = json.dumps({"orders": [ORDER]}).encode()
MEMBERS = {"type", "title", "status", "detail", "request_id"}
TYPES = {f"urn:delivery-risk:problem:{kind}" for kind, _ in [*PROBLEMS.values(), ("http-error", "")]}


@pytest.fixture(scope="module")
def application():
    return app_of()


def environ(method, path, body=b"", query="", **variables):
    """The environ of a request. These texts need not be valid."""
    paths = {"RAW_URI": path, "PATH_INFO": path}
    given = paths | {"QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return create_environ(method=method) | {"SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"} | given | variables


def answer_to(application, environ):
    return TestResponse(*run_wsgi_app(application, dict(environ), buffered=True), request=None)


def assert_problem(answer):
    """A problem with the documented members and nothing else; its document."""
    assert answer.content_type == MEDIA_TYPE
    found = answer.json
    assert found.keys() - {"errors", "error_count"} == MEMBERS
    assert found["status"] == answer.status_code != 500
    assert found["type"] in TYPES
    assert found["request_id"] == answer.headers["X-Request-ID"]
    assert ("errors" in found) == ("error_count" in found) == (answer.status_code == 422)
    assert all(found[name] and isinstance(found[name], str) for name in MEMBERS - {"status"})
    return found


def assert_answered(answer, media_type, body, *, partial):
    """Scores of orders that were sent, or a rejection whose errors point into the request. Returns the status."""
    sent = Table(body) if media_type == CSV else Document(body)
    errors = []
    if answer.status_code != 200:
        found = assert_problem(answer)
        assert answer.status_code in (400, 422)
        errors = found.get("errors", [])
        assert answer.status_code == 400 or 1 <= len(errors) == min(MOST_ERRORS, found["error_count"])
    elif media_type == CSV:
        assert answer.content_type == f"{CSV}; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert {row["order_id"] for row in rows} <= {*sent.ids(), ""}
        assert all(0 <= float(row["score"]) <= 1 for row in rows if not row.get("errors"))
    else:
        assert answer.content_type == JSON
        found = answer.json
        rows = found.get("results", [])
        scores = found.get("scores", [row["score"] for row in rows])
        ids = found.get("order_ids", [row["order_id"] for row in rows])
        assert all(0 <= score <= 1 for score in scores)
        assert {*ids} <= {*sent.ids()}
        assert len(ids) == len(scores) == len({*ids})
        assert ("errors" in found) == partial
        errors = found.get("errors", [])
        assert len(errors) == found.get("error_count", 0)
    for error in errors:
        assert error.keys() - {"order_id"} == {"pointer", "code", "detail"}
        assert error["detail"].split("; ")[0] == CODES[error["code"]]
        assert re.fullmatch(r"(/([^~/]|~[01])*)*", error["pointer"], re.DOTALL), error
        steps = [step.replace("~1", "/").replace("~0", "~") for step in error["pointer"].split("/")[1:]]
        assert sent.has(steps, missing=error["code"] == "missing"), error
        assert error.get("order_id", "") in ("", *sent.ids())
    for mark in MARKS:
        assert any(mark in name for name in (*sent.names, *sent.ids())) or mark.encode() not in answer.data
        assert mark not in str(answer.headers)
    return answer.status_code


def reported(name):
    return name[:LONGEST_NAME].encode("utf-8", "replace").decode()


class Document:
    """A JSON body as it was sent, or nothing where it is not JSON. An answer may contain its `names` and `ids`."""

    def __init__(self, body):
        self.names = []
        try:
            self.found = json.loads(body, object_pairs_hook=self._object, parse_int=float)
        except (ValueError, RecursionError):
            self.found = None

    def _object(self, pairs):
        self.names += [name for name, _ in pairs]
        return dict(pairs)

    def ids(self):
        found = self.found if isinstance(self.found, dict) else {}
        orders, columns = (found[name] if isinstance(found.get(name), list) else [] for name in ("orders", "order_ids"))
        records = [order.get("order_id") for order in orders if isinstance(order, dict)]
        return [given for given in (*records, *columns) if isinstance(given, str)]

    def has(self, steps, *, missing):
        """Whether the steps lead to a value in it or, where one is missing, to the object that should have it."""
        node = self.found
        for step in steps[:-1] if missing else steps:
            members = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
            named = [members[name] for name in members if reported(str(name)) == step]
            if not named:
                return False
            node = named[0]
        return not missing or (isinstance(node, dict) and steps[-1] not in node)


class Table:
    """A CSV body as it was sent, or nothing where it is not CSV. `names` are those of its header."""

    def __init__(self, body):
        try:
            rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
        except (UnicodeDecodeError, csv.Error):
            rows = []
        self.names, self.rows = (rows[0], rows[1:]) if rows else ([], [])

    def ids(self):
        return [cell for row in self.rows for name, cell in zip(self.names, row, strict=False) if name == "order_id"]

    def has(self, steps, *, missing):
        """Whether the steps lead to a column, or to a row below the header and a cell of it."""
        named = len(steps) == 1 and any(reported(name) == steps[0] for name in self.names)
        if missing:
            return len(steps) == 1 and not named
        in_row = bool(steps) and steps[0] in map(str, range(len(self.rows))) and {*steps[1:]} <= {*self.names}
        return not steps or named or in_row


@pytest.mark.parametrize(
    "mutants",
    [3_000, pytest.param(40_000, marks=pytest.mark.long), pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest])],
)
def test_a_body_changed_at_random_is_scored_or_rejected_and_no_value_is_repeated(application, mutants):
    seen = Counter()
    for number in range(mutants):
        media_type, body = mutant(f"body {number}")
        query = "" if number % 3 else "on_error=partial"
        answer = answer_to(application, environ("POST", "/score", body, query, CONTENT_TYPE=media_type))
        try:
            seen[media_type, assert_answered(answer, media_type, body, partial=bool(query))] += 1
        except AssertionError as error:
            raise AssertionError(f"body {number}: {body[:2000]!r} got {answer.status_code} {answer.text[:2000]!r}") from error
    assert seen.keys() == {(media_type, status) for media_type in (JSON, CSV) for status in (200, 400, 422)}
    assert all(count > mutants / 100 for count in seen.values()), seen


HEADERS = """ACCEPT ACCEPT_ENCODING ACCEPT_LANGUAGE RANGE IF_RANGE IF_MATCH IF_NONE_MATCH IF_MODIFIED_SINCE IF_UNMODIFIED_SINCE
HOST CONTENT_ENCODING TRANSFER_ENCODING EXPECT COOKIE AUTHORIZATION X_FORWARDED_FOR X_FORWARDED_PROTO X_FORWARDED_HOST DATE TE
UPGRADE ORIGIN REFERER USER_AGENT FORWARDED CACHE_CONTROL PRAGMA VIA X_HTTP_METHOD_OVERRIDE"""
PATHS = """/score /livez /readyz /metrics /model /version /openapi.json /docs /docs/init.js /docs/swagger-ui.css
/docs/index.html /docs/ /docs/../x /docs//x /docs/%00 /x / // * /score/ /docs/\0 /docs/\xff /metrics;x"""
PIECES = """bytes = 0 - 5 99999999999999999999 , ; q= * / text/plain application/openmetrics-text version= 1.0.0 0.0.4 charset
utf-8 escaping= allow-utf-8 dots gzip br \x80\xff \xe9 " ' W/" W/ application/json text/csv boundary =x % %00 %ff %e9 \\ [ ]
::1 localhost xn-- . @ : 65536 identity chunked on_error partial refuse review_top by & name[]
http_request_duration_seconds Bearer Basic Og== nan inf 1e9 + Marked-918 918273645546"""
TEXTS = [*PIECES.split(), " ", "\t", "a" * 300, "Mon, 01 Jan 2024 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 GMT"]


def strange(dice):
    """A request with strange text in anything but its body."""

    def text():
        return "".join(dice.choice(TEXTS) for _ in range(dice.choice((0, 1, 1, 2, 3, 5, 9))))

    given = {f"HTTP_{name}": text() for name in dice.sample(HEADERS.split(), dice.choice((0, 1, 1, 2, 4)))}
    if dice.random() < 0.7:
        given["CONTENT_TYPE"] = dice.choice((text(), "application/json", "text/csv", f"application/json;{text()}"))
    if dice.random() < 0.2:
        given["CONTENT_LENGTH"] = text()
    method = dice.choice(("GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "FROB"))
    path = dice.choice(PATHS.split()) + (text() if dice.random() < 0.1 else "")
    if method == "POST" and dice.random() < 0.8:
        path = "/score"
    return environ(method, path, VALID, text() if dice.random() < 0.5 else "", **given)


@pytest.mark.parametrize(
    "requests",
    [2_500, pytest.param(20_000, marks=pytest.mark.long), pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest])],
)
def test_a_request_with_strange_headers_and_queries_is_answered_or_rejected_and_no_value_is_repeated(application, requests):
    seen = Counter()
    for number in range(requests):
        asked = strange(random.Random(f"request {number}"))
        answer = answer_to(application, asked)
        seen[answer.status_code] += 1
        try:
            if asked["REQUEST_METHOD"] != "HEAD" and answer.status_code not in (200, 206, 304):
                assert_problem(answer)
            assert answer.status_code < 500
            assert not any(mark in f"{answer.headers} {answer.data!r}" for mark in MARKS)
        except (AssertionError, KeyError) as error:
            raise AssertionError(f"request {number}: {asked} got {answer.status_code} {answer.text[:2000]!r}") from error
    assert {200, 304, 400, 404, 405, 411, 412, 415, 416, 422} >= seen.keys() - {206, 413}
    assert {200, 400, 404, 405, 412, 415} <= seen.keys()
