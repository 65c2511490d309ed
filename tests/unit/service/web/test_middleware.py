import json
import logging
import re

import pytest
from werkzeug.test import create_environ

from service.telemetry.request_context import ENVIRON_KEY
from service.web.middleware import QUEUE_SECONDS
from tests.apps import samples

WAITS = [f'delivery_risk_stage_duration_seconds_{kind}{{stage="wait"}}' for kind in ("count", "sum")]


@pytest.fixture
def lines(caplog):
    """The lines of the access log."""
    caplog.set_level(logging.INFO, "delivery_risk.access")
    return lambda: [record for record in caplog.records if record.name == "delivery_risk.access"]


def text_of(line):
    return json.dumps({name: str(value) for name, value in vars(line).items()})


@pytest.mark.parametrize("given", ["abc", "A.b_c-1:2", "x" * 128])
def test_a_well_formed_request_id_is_returned(client, given):
    assert client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a/b", "é".encode().decode("latin-1"), '"', "a,b"])
def test_any_other_request_id_is_replaced_by_a_new_one(client, given):
    headers = {} if given is None else {"X-Request-ID": given}
    made = {client.get("/livez", headers=headers).headers["X-Request-ID"] for _ in range(5)}
    assert len(made) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)


def test_a_scored_batch_is_one_line_with_its_counts_and_no_values(client, order, lines):
    batch = [order | {"backlog": 7.654321}, order | {"order_id": "B-SECRET", "weather_severity": None}]
    client.post("/score?on_error=partial", json={"orders": batch}, headers={"X-Request-ID": "r1"})
    (line,) = lines()
    expected = {"request_id": "r1", "method": "POST", "route": "/score", "status": 200, "orders": 1, "review": 0, "refused": 1}
    assert {name: getattr(line, name) for name in expected} == expected
    assert line.duration_ms > 0
    assert "7.654321" not in text_of(line)
    assert "SECRET" not in text_of(line)


@pytest.mark.parametrize(("method", "label"), [("FROB", "other"), ("PUT", "PUT"), ("GET", "GET")])
def test_a_method_that_a_route_does_not_support_is_logged_and_counted_with_the_route(client, lines, method, label):
    client.open("/score", method=method)
    assert (lines()[0].method, lines()[0].route, lines()[0].status) == (label, "/score", 405)
    assert samples(client)[f'http_request_duration_seconds_count{{method="{label}",route="/score",status="405"}}'] == 1


@pytest.mark.parametrize("waited", [2.0, None])
def test_queue_time_counts_in_the_duration_and_as_a_stage_of_its_own(client, order, lines, waited):
    answer = client.post("/score", json={"orders": [order]}, environ_overrides={QUEUE_SECONDS: waited})
    stages = r"decode;dur=[0-9.]+, score;dur=[0-9.]+, encode;dur=[0-9.]+"
    assert re.fullmatch(("wait;dur=2000.000, " if waited else "") + stages, answer.headers["Server-Timing"])
    assert answer.headers["Cache-Control"] == "no-store"
    (line,) = lines()
    assert getattr(line, "wait_ms", None) == (2000 if waited else None)
    assert (2000 if waited else 0) < line.duration_ms < 3000
    found = samples(client)
    assert (waited or 0) < found['http_request_duration_seconds_sum{method="POST",route="/score",status="200"}'] < 3
    assert [found.get(name, 0) for name in WAITS] == ([1, 2] if waited else [0, 0])


def test_the_queue_time_of_a_request_of_any_kind_is_observed(client):
    for seconds in (0.5, 0.25):
        client.get("/nowhere", environ_overrides={QUEUE_SECONDS: seconds})
    found = samples(client)
    assert [found[name] for name in WAITS] == [2, 0.75]


def test_no_batch_is_kept_while_its_answer_is_sent(client, order):
    environ = create_environ("/score", method="POST", json={"orders": [order]})
    answer = client.application(environ, lambda *_: None)
    assert environ[ENVIRON_KEY].scored is None
    assert json.loads(b"".join(answer))["results"]
    answer.close()
