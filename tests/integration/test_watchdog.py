"""Requests that take too long or wait for a thread, on the real server: they are counted and delay no other."""

import http.client
import json
import os
import signal
import socket
import time
from contextlib import ExitStack, closing

import pytest

from tests.facts import ORDER
from tests.integration import load
from tests.servers import GUNICORN, running, until

STUCK = [*GUNICORN[:-1], "tests.integration.stuck_app:app"]
LOST, PRESENT = "delivery_risk_requests_lost_total", "delivery_risk_requests_in_progress"


def batch(order_id):
    return json.dumps({"orders": [ORDER | {"order_id": order_id}]}).encode()


def request(order_id):
    return load.post(load.for_a_thread(batch(order_id)))


def overdue(server):
    return {name: value for name, value in server.metrics().items() if "overdue_total{" in name and value}


@pytest.mark.parametrize(("kind", "fresh"), [("sleeps", False), pytest.param("spins", True, marks=pytest.mark.long)])
def test_a_request_that_never_ends_has_its_worker_replaced_and_delays_no_other(kind, fresh):
    room = {"DELIVERY_RISK_MAX_CONCURRENT": "7", "DELIVERY_RISK_THREADS": "8"}
    with running(STUCK, DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="1", **room) as server:
        before, replaced = set(server.all_workers(2)), []
        others = load.Load(server.port, load.post(batch("fine")), 3, lambda _: not replaced, fresh, pause=0.005)
        slow = load.Load(server.port, request("slow"), 3, lambda _: not replaced, fresh)
        begun = time.monotonic()
        stuck = load.Load(server.port, request(kind), 1, lambda outcomes: outcomes.sent == 0)
        assert until(lambda: len(now := set(server.workers())) == 2 and now != before), server.log()
        now = set(server.workers())
        replaced.append(time.monotonic() - begun)
        assert replaced[0] <= 1 + 5
        assert len(before & now) == 1
        assert [(one.failures, set(one.statuses)) for one in (others.outcomes(), slow.outcomes())] == [({}, {200})] * 2
        assert others.sent > 100
        assert stuck.outcomes().failures.total() == 1
        assert overdue(server) == {'delivery_risk_requests_overdue_total{stage="compute"}': 1}
        assert (server.metrics()[LOST], server.metrics()[PRESENT]) == (1, 0)
        (line,) = server.lines("over its time limit")
        assert line["request_id"]


@pytest.mark.parametrize("pause", [0.05, pytest.param(1.5, marks=pytest.mark.long)])
def test_slow_bodies_hold_permits_but_no_probe_until_they_get_408_and_their_worker_lives_on(pause):
    limits = {"DELIVERY_RISK_WORKERS": "1", "DELIVERY_RISK_MAX_CONCURRENT": "3", "DELIVERY_RISK_THREADS": "5"}
    body = load.post(load.orders(1000))
    with running(**limits, DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="3") as server, ExitStack() as opened:
        before, begun = server.all_workers(1), time.monotonic()
        slow = [load.connected(opened, server.port) for _ in range(3)]
        for connection in slow:
            connection.sendall(body[:1000])
        time.sleep(0.2)
        rejected = load.connected(opened, server.port)
        rejected.sendall(body[:1000])
        assert server.call("GET", "/readyz")[0] == 200
        assert opened.enter_context(closing(load.Connection(server.port))).ask(body)[0] == 503
        assert rejected.recv(65536).startswith(b"HTTP/1.1 503 ")
        slow[0].sendall(body[1000:])
        assert slow[0].recv(65536).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() < begun + 3
        slow[1].settimeout(pause)
        answer = b""
        while not answer and time.monotonic() < begun + 10:
            try:
                answer = slow[1].recv(65536)
            except TimeoutError:
                slow[1].sendall(b" ")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in answer
        assert slow[2].recv(65536).startswith(b"HTTP/1.1 408 ")
        assert 3 <= time.monotonic() - begun < 6
        assert overdue(server) == {'delivery_risk_requests_overdue_total{stage="read"}': 2}
        assert server.workers() == before


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSEGV, marks=pytest.mark.long)])
def test_only_requests_without_a_complete_answer_are_lost_when_their_worker_is_killed(how):
    """One body is still arriving, two requests are computed, and one answer is sent to a client that does not read it."""
    scored = 'http_request_duration_seconds_count{method="POST",route="/score",status="200"}'
    with running(STUCK, DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="20", DELIVERY_RISK_MAX_CONCURRENT="7") as server:
        with ExitStack() as opened:
            before = server.all_workers(2)
            requests = [load.post(load.orders(1000))[:1000], request("sleeps"), request("sleeps")]
            for content in [*requests, load.post(load.orders(10_000)) * 10]:
                connection = load.connected(opened, server.port)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(content)
            assert until(lambda: server.metrics()[scored] >= 1)
            assert until(lambda: server.metrics()[PRESENT] == 4)
            assert server.metrics()[LOST] == 0
            for worker in before:
                os.kill(worker, how)
            server.renewed(before, 2)
            found = server.metrics()
            assert (found[LOST], found[PRESENT]) == (4, 0)
            assert overdue(server) == {}
        server.score([ORDER])
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: server.metrics()["delivery_risk_workers_started_total"] == 6)
        assert (server.metrics()[LOST], server.metrics()[PRESENT]) == (4, 0)


@pytest.mark.parametrize("kept", [pytest.param(False, marks=pytest.mark.long), True], ids=["new", "kept"])
def test_the_queue_time_of_a_request_counts_in_its_duration_and_slow_headers_do_not(kept):
    limits, held = {"DELIVERY_RISK_WORKERS": "1", "DELIVERY_RISK_THREADS": "2", "DELIVERY_RISK_MAX_CONCURRENT": "1"}, 0.15
    with running(**limits, DELIVERY_RISK_LOG_PROBES="yes") as server, ExitStack() as opened:
        connection = opened.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)))
        if kept:
            connection.request("GET", "/version")
            assert connection.getresponse().read()
        slow = load.connected(opened, server.port)
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        for _ in range(2):  # a thread waits for the first body, and another discards the second for half a second
            load.connected(opened, server.port).sendall(request("a")[:-1])
        time.sleep(0.1)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
        slow.sendall(b"\r\n")
        assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
        (waited,), (answered,) = server.lines('"/readyz"'), server.lines('"/livez"')
        assert held * 1000 <= waited["wait_ms"] <= waited["duration_ms"] < held * 1000 + 2000
        assert answered["duration_ms"] < held * 2000
        metrics = server.metrics()
        assert metrics['http_request_duration_seconds_sum{method="GET",route="/readyz",status="200"}'] >= held
        assert metrics['http_request_duration_seconds_sum{method="GET",route="/livez",status="200"}'] < held * 2
        assert held <= metrics['delivery_risk_stage_duration_seconds_sum{stage="wait"}'] < held + 2
