"""The fast lane answers as Flask does, which is the oracle here: `DELIVERY_RISK_FAST_LANE=off` takes it out."""

import random
import re
from io import BytesIO
from types import SimpleNamespace

import flask
import pytest

from schemas.formats.table import COLUMNS
from tests.apps import app_of, samples
from tests.bearer_tokens import GOOD, OTHER, UNKNOWN, bearer, line
from tests.facts import ORDER
from tests.mutated_bodies import mutant
from tests.unit.service.web.handlers.test_score_mutations import VALID, answer_to, environ, strange

SELECTING = ("review_top=1", "review_top=2&on_error=partial", "review_top=0", "review_top=1&by=depot", "by=depot")
DURATIONS = re.compile(r"(duration_seconds_(sum|bucket))|(_timestamp_seconds)|(_age_seconds)")


def mutated(number):
    """A scoring request with a mutated body, some with an option, a parameter of the media type, or a token."""
    dice = random.Random(f"lane {number}")
    media_type, body = mutant(f"body {number}")
    query = dice.choice(("", "", "on_error=partial", "on_error=refuse", "on_error=partial&on_error=refuse", "a=b", *SELECTING))
    given = {"CONTENT_TYPE": media_type + dice.choice(("", "", "", "; charset=utf-8", ";charset=latin-1", ";x"))}
    if dice.random() < 0.1:
        given["CONTENT_TYPE"] = COLUMNS
    if dice.random() < 0.3:
        given["HTTP_AUTHORIZATION"] = f"Bearer {dice.choice((GOOD, GOOD, OTHER, UNKNOWN))}"
    return environ("POST", "/score", body, query, **given)


def seen(application, asked):
    body = BytesIO(asked["wsgi.input"].getvalue())
    answer = answer_to(application, {**asked, "wsgi.input": body, "HTTP_X_REQUEST_ID": "id"})
    timed = {name: re.sub(r"[\d.]+", "0", value) for name, value in answer.headers if name in ("Server-Timing", "Date")}
    headers = [(name, timed.get(name, value)) for name, value in answer.headers]
    has_times = asked["PATH_INFO"].startswith("/metrics")
    return answer.status, *((headers[:1],) if has_times else (headers, answer.data))


def counted(application, headers):
    return {name: value for name, value in samples(application.test_client(), **headers).items() if not DURATIONS.search(name)}


@pytest.mark.parametrize("secured", [False, True], ids=["open", "tokens"])
@pytest.mark.parametrize("requests", [2_000, pytest.param(50_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_a_request_has_the_same_answer_and_counts_with_the_fast_lane_and_without(requests, secured, tmp_path, monkeypatch):
    monkeypatch.setattr("service.serving.active_models.time", SimpleNamespace(time=lambda: 0.0))
    tokens = tmp_path / "tokens"
    tokens.write_text(line(GOOD, "score,read", "planner") + line(OTHER, "read", "grafana"))
    given = {"tokens_file": str(tokens)} if secured else {}
    lanes = [app_of(fast_lane=lane, **given) for lane in ("on", "off")]
    statuses = set()
    for number in range(requests):
        asked = mutated(number) if number % 2 else strange(random.Random(f"request {number}"))
        fast, flasks = (seen(application, asked) for application in lanes)
        assert fast == flasks, (number, asked)
        statuses.add(fast[0][:3])
    assert {"200", "400", "401" if secured else "422"} <= statuses
    fast, flasks = (counted(application, bearer(OTHER)) for application in lanes)
    assert fast == flasks


def test_flask_gets_no_valid_batch_but_all_others():
    application = app_of()
    entered = []
    with flask.request_started.connected_to(lambda sender, **_: entered.append(1), application):
        client = application.test_client()
        assert client.post("/score", json={"orders": [ORDER]}).status_code == 200
        assert client.post("/score?on_error=partial", json={"orders": [ORDER, {}]}).status_code == 200
        assert not entered
        assert client.post("/score", json={"orders": [{}]}).status_code == 422
        assert client.post("/score", data=VALID, content_type="text/plain").status_code == 415
        assert client.options("/score").status_code == 200
        assert len(entered) == 3


def test_without_the_fast_lane_flask_gets_every_request():
    application = app_of(fast_lane="off")
    entered = []
    with flask.request_started.connected_to(lambda sender, **_: entered.append(1), application):
        assert application.test_client().post("/score", json={"orders": [ORDER]}).status_code == 200
    assert entered


def test_an_error_that_nobody_expects_is_answered_and_logged_as_in_flask(monkeypatch, caplog):
    application = app_of()
    monkeypatch.setattr("service.scoring.service.score_batch", lambda *_: 1 / 0)
    answer = application.test_client().post("/score", json={"orders": [ORDER]})
    assert answer.status_code == 500
    assert answer.json["title"].startswith("The service failed.")
    assert "ZeroDivisionError" in caplog.text
