"""Requests changed at random: each is answered or rejected, and no rejection repeats a value."""

import json
import random
from collections import Counter

import pytest

from schemas.formats.table import CSV, JSON
from service.web.errors import MEDIA_TYPE
from tests.apps import app_of
from tests.facts import ORDER
from tests.mutated_bodies import MARKS, mutant
from tests.unit.service.web.answer_oracle import Answer, assert_answered, assert_problem, environ

VALID = json.dumps({"orders": [ORDER]}).encode()
FAULTY = json.dumps({"orders": [ORDER | {"order_id": "A", "backlog": "Marked-918"}]}).encode()


@pytest.fixture(scope="module")
def application():
    return app_of()


@pytest.mark.parametrize(
    "mutants",
    [3_000, pytest.param(40_000, marks=pytest.mark.long), pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest])],
)
def test_a_body_changed_at_random_is_scored_or_rejected_and_no_value_is_repeated(application, mutants):
    seen = Counter()
    for number in range(mutants):
        media_type, body = mutant(f"body {number}")
        partial = number % 3 == 0
        query = "on_error=partial" if partial else ""
        answer = Answer(application, environ("POST", "/score", body, query, CONTENT_TYPE=media_type))
        try:
            seen[media_type, assert_answered(answer, media_type, body, partial=partial)] += 1
        except AssertionError as error:
            raise AssertionError(f"body {number}: {body[:2000]!r} got {answer.status} {answer.body[:2000]!r}") from error
    assert seen.keys() == {(media_type, status) for media_type in (JSON, CSV) for status in (200, 400, 422)}
    assert all(count > mutants / 100 for count in seen.values()), seen


WRONG = {
    "a failure": (500, MEDIA_TYPE, b'"status":422', b'"status":500'),
    "no problem": (422, "application/json", b"", b""),
    "another status": (422, MEDIA_TYPE, b'"status":422', b'"status":400'),
    "an unknown type": (422, MEDIA_TYPE, b"invalid-batch", b"invalid"),
    "a member too few": (422, MEDIA_TYPE, b'"title"', b'"titel"'),
    "a pointer to nowhere": (422, MEDIA_TYPE, b"/orders/0/backlog", b"/orders/1/backlog"),
    "a pointer to no name": (422, MEDIA_TYPE, b"/orders/0/backlog", b"/orders/0/colour"),
    "another order": (422, MEDIA_TYPE, b'"order_id":"A"', b'"order_id":"B"'),
    "a count too small": (422, MEDIA_TYPE, b'"error_count":1', b'"error_count":0'),
    "an unknown code": (422, MEDIA_TYPE, b"not_a_number", b"no_number"),
    "a value repeated": (422, MEDIA_TYPE, b"no order was scored", b"no order was scored: Marked-918"),
}


@pytest.mark.parametrize(("status", "kind", "right", "wrong"), WRONG.values(), ids=WRONG)
def test_the_oracle_finds_what_is_wrong_with_an_answer(application, status, kind, right, wrong):
    answer = Answer(application, environ("POST", "/score", FAULTY, CONTENT_TYPE=JSON))
    assert assert_answered(answer, JSON, FAULTY, partial=False) == 422
    assert right in answer.body
    answer.status, answer.headers["content-type"] = status, kind
    answer.body = answer.body.replace(right, wrong)
    with pytest.raises((AssertionError, KeyError)):
        assert_answered(answer, JSON, FAULTY, partial=False)


HEADERS = """ACCEPT ACCEPT_ENCODING ACCEPT_LANGUAGE RANGE IF_RANGE IF_MATCH IF_NONE_MATCH IF_MODIFIED_SINCE IF_UNMODIFIED_SINCE
HOST CONTENT_ENCODING TRANSFER_ENCODING EXPECT COOKIE AUTHORIZATION X_FORWARDED_FOR X_FORWARDED_PROTO X_FORWARDED_HOST DATE TE
UPGRADE ORIGIN REFERER USER_AGENT FORWARDED CACHE_CONTROL PRAGMA VIA X_HTTP_METHOD_OVERRIDE"""
PATHS = """/score /livez /readyz /metrics /model /version /openapi.json /docs /docs/init.js /docs/swagger-ui.css
/docs/index.html /docs/ /docs/../x /docs//x /docs/%00 /x / // * /score/ /docs/\0 /docs/\xff /metrics;x"""
PIECES = """bytes = 0 - 5 99999999999999999999 , ; q= * / text/plain application/openmetrics-text version= 1.0.0 0.0.4 charset
utf-8 escaping= allow-utf-8 dots gzip br \x80\xff \xe9 " ' W/" W/ application/json text/csv boundary =x % %00 %ff %e9 \\ [ ]
::1 localhost xn-- . @ : 65536 identity chunked on_error partial refuse & name[] http_request_duration_seconds Bearer Basic
Og== nan inf 1e9 + Marked-918 918273645546"""
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
    [
        2_500,
        pytest.param(20_000, marks=pytest.mark.long),
        pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest]),
    ],
)
def test_a_request_with_strange_headers_and_queries_is_answered_or_rejected_and_no_value_is_repeated(application, requests):
    seen = Counter()
    for number in range(requests):
        asked = strange(random.Random(f"request {number}"))
        answer = Answer(application, asked)
        seen[answer.status] += 1
        try:
            if asked["REQUEST_METHOD"] != "HEAD" and answer.status not in (200, 206, 304):
                assert_problem(answer)
            assert answer.status < 500
            assert not any(mark in f"{answer.headers} {answer.body!r}" for mark in MARKS)
        except (AssertionError, KeyError) as error:
            raise AssertionError(f"request {number}: {asked} got {answer.status} {answer.body[:2000]!r}") from error
    assert {200, 304, 400, 404, 405, 411, 412, 415, 416, 422} >= seen.keys() - {206, 413}
    assert {200, 400, 404, 405, 412, 415} <= seen.keys()
