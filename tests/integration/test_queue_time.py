"""What a request waits for a thread, in process and on the real server."""

import http.client
import json
import logging
import socket
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from service.web import queue_time
from tests.servers import running
from tests.unit.service.metrics.test_recorder import samples

ROOM: dict[str, Any] = {"DELIVERY_RISK_WORKERS": "1", "DELIVERY_RISK_THREADS": "2", "DELIVERY_RISK_MAX_CONCURRENT": "1"}
HELD = 0.7
HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def line(caplog):
    """The one log line of a request."""
    caplog.set_level(logging.INFO, "delivery_risk.access")

    def line():
        (found,) = [record for record in caplog.records if record.name == "delivery_risk.access"]
        return found

    return line


def waits(client):
    found = samples(client)
    stage = (("stage", "wait"),)
    return [found.get((f"delivery_risk_stage_duration_seconds_{kind}", stage), 0) for kind in ("count", "sum")]


def test_waiting_counts_in_the_duration_and_as_a_stage_of_its_own(client, order, line):
    queue_time.taken_up(2.0)
    timing = client.post("/score", json={"orders": [order]}).headers["Server-Timing"]
    assert timing.startswith("wait;dur=2000.000, decode;dur=")
    assert line().wait_ms == 2000
    assert 2000 < line().duration_ms < 3000
    assert waits(client) == [1, 2]
    labels = (("method", "POST"), ("route", "/score"), ("status", "200"))
    assert 2 < samples(client)["http_request_duration_seconds_sum", labels] < 3


def test_a_request_of_any_kind_is_seen_waiting(client):
    for seconds in (0.5, 0.25):
        queue_time.taken_up(seconds)
        client.get("/nowhere")
    assert waits(client) == [2, 0.75]


def test_waiting_is_told_of_one_request_only(client):
    queue_time.taken_up(2.0)
    for _ in range(3):
        client.get("/livez")
    assert waits(client) == [1, 2]


def test_without_a_worker_nothing_waits(client, order, line):
    assert client.post("/score", json={"orders": [order]}).headers["Server-Timing"].startswith("decode;dur=")
    assert not hasattr(line(), "wait_ms")
    assert waits(client) == [0, 0]


def log(server, route):
    lines = [json.loads(line) for line in server.log().splitlines() if '"request"' in line]
    return [line for line in lines if line["route"] == route]


@pytest.mark.parametrize("kept", [pytest.param(False, marks=pytest.mark.long), True], ids=["new", "kept"])
def test_with_all_threads_taken_a_request_is_seen_waiting_and_slow_headers_are_not(kept):
    with running(**ROOM) as server, ExitStack() as opened:
        connection = opened.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)))
        if kept:
            connection.request("GET", "/version")
            assert connection.getresponse().read()
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(2)]
        for each in slow:
            each.sendall(HEAD)
        time.sleep(0.2)
        connection.request("GET", "/readyz")
        time.sleep(HELD)
        for each in slow:
            each.sendall(b"\r\n")
            assert each.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert connection.getresponse().status == 200
        (waited,) = log(server, "/readyz")
        assert HELD * 1000 <= waited["wait_ms"] <= waited["duration_ms"] < HELD * 1000 + 2000
        assert [line["duration_ms"] < HELD * 500 for line in log(server, "/livez")] == [True, True]
        metrics = server.metrics()
        assert metrics['http_request_duration_seconds_sum{method="GET",route="/readyz",status="200"}'] >= HELD
        assert metrics['http_request_duration_seconds_sum{method="GET",route="/livez",status="200"}'] < HELD
        assert HELD <= metrics['delivery_risk_stage_duration_seconds_sum{stage="wait"}'] < HELD + 2
