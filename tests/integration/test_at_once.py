"""Requests that the loop of a worker answers by itself, and those that it leaves to a thread, on the real server."""

import gzip
import json
import re
import signal
import socket
import time
from contextlib import ExitStack, closing

import pyarrow as pa
import pytest

from tests import tensor_bodies
from tests.arrow_bodies import ARROW, stream, table_of
from tests.benchmarks import bodies
from tests.integration import load
from tests.integration.test_watchdog import LOST, PRESENT, STUCK, batch
from tests.servers import GUNICORN, running, until
from tests.tensor_bodies import Tensor

NAMED = [*GUNICORN[:-1], "tests.integration.thread_app:app"]
LOOP = "MainThread"
ONE = load.orders(1)
INFER = "/v2/models/delivery-risk/infer"
CSV = b"order_id,route_disruption,backlog,weather_severity\na,1,2,3\n"


@pytest.fixture(scope="module")
def server():
    with running(NAMED, DELIVERY_RISK_WORKERS="1") as started:
        yield started


def infer(*tensors, length=None):
    """A request of these tensors, whose header says the length of its JSON or what is given."""
    body, headers = tensor_bodies.request(tensors)
    if length is not None:
        headers[tensor_bodies.HEADER] = length
    lines = [f"{name}: {value}" for name, value in headers.items() if name != "Content-Type"]
    return load.post(body, *lines).replace(b"/score", INFER.encode(), 1)


def matrix(count, *, binary):
    return Tensor("orders", "FP64", (count, 3), [float(value % 11) for value in range(3 * count)], binary)


def ids(count):
    return Tensor("order_id", "BYTES", (count,), [f"O-{number}" for number in range(count)], binary=True)


def thread(headers):
    return LOOP if headers["X-Thread"] == LOOP else "thread"


ANSWERED = {
    "one order": (load.post(ONE), 200, LOOP),
    "32 orders": (load.post(load.orders(32)), 200, LOOP),
    "400 orders": (load.post(load.orders(400)), 200, LOOP),
    "400 orders in columns": (load.post(bodies.columns(400)), 200, LOOP),
    "partial": (load.post(ONE).replace(b"/score", b"/score?on_error=partial"), 200, LOOP),
    "a selection": (load.post(load.orders(400)).replace(b"/score", b"/score?review_top=50"), 200, LOOP),
    "an explained order": (load.post(ONE).replace(b"/score", b"/score?explain=all"), 200, LOOP),
    "600 explained orders": (load.post(load.orders(600)).replace(b"/score", b"/score?explain=review"), 200, "thread"),
    "what would change an order": (load.post(ONE).replace(b"/score", b"/score?explain=all&changes=true"), 200, "thread"),
    "a probe": (load.get("/readyz"), 200, LOOP),
    "another media type": (load.post(ONE).replace(b"application/json", b"text/plain"), 415, LOOP),
    "CSV": (load.post(CSV).replace(b"application/json", b"text/csv"), 200, "thread"),
    "600 orders": (load.post(load.orders(600)), 200, LOOP),
    "1,500 orders in columns": (load.post(bodies.columns(1500)), 200, "thread"),
    "more than 64 KiB": (load.post(load.for_a_thread(ONE)), 200, "thread"),
    "1,000 orders in a binary matrix": (infer(matrix(1000, binary=True)), 200, LOOP),
    "1,000 orders in a matrix": (infer(matrix(1000, binary=False)), 200, LOOP),
    "1,000 binary texts": (infer(matrix(1000, binary=True), ids(1000)), 200, LOOP),
    "1,500 binary texts": (infer(matrix(1500, binary=True), ids(1500)), 200, "thread"),
    "a header of many digits": (infer(matrix(1, binary=True), length="0" * 5000), 400, "thread"),
    "an invalid order": (load.post(b'{"orders": [{}]}'), 422, "thread"),
    "not JSON": (load.post(b"{"), 400, "thread"),
    "compressed": (load.post(gzip.compress(ONE), "Content-Encoding: gzip"), 200, "thread"),
    "a scrape": (load.get("/metrics"), 200, "thread"),
    "no such path": (load.get("/nowhere"), 404, "thread"),
    "another method": (load.get("/score"), 405, "thread"),
    "a repeated header": (load.post(ONE, "X-A: 1", "X-A: 2"), 200, "thread"),
    "an expectation": (load.get("/livez", "Expect: 100-continue"), 200, "thread"),
}


@pytest.mark.parametrize(("request_", "status", "where"), ANSWERED.values(), ids=ANSWERED)
def test_the_loop_answers_what_is_whole_valid_and_short_and_threads_answer_the_rest(server, request_, status, where):
    assert until(lambda: server.metrics()[PRESENT] == 0)  # a thread gives a permit back after its client has the answer
    with closing(load.Connection(server.port)) as connection:
        for _ in range(2):  # a new connection and a kept one
            found, headers, _ = connection.ask(request_)
            assert (found, thread(headers)) == (status, where)


def test_a_thread_answers_the_first_arrow_body_and_the_loop_those_after_it_that_are_short():
    many = table_of(json.loads(load.orders(1000))["orders"])
    dense = pa.table([many[0], *(column.cast(pa.int8()) for column in many.columns[1:])], many.column_names)
    given = (many[:1], many[:1], many, many[:1].drop_columns("backlog"), dense)
    requests = [load.post(stream(each)).replace(b"application/json", ARROW.encode()) for each in given]
    with running(NAMED, DELIVERY_RISK_WORKERS="1") as server, closing(load.Connection(server.port)) as connection:
        found = [(status, thread(headers)) for status, headers, _ in map(connection.ask, requests)]
    assert found == [(200, "thread"), (200, LOOP), (200, LOOP), (422, "thread"), (200, "thread")]


def test_a_request_in_pieces_is_left_to_a_thread(server):
    with ExitStack() as opened:
        connection = load.connected(opened, server.port)
        connection.sendall(load.post(ONE)[:-5])
        time.sleep(0.1)
        connection.sendall(load.post(ONE)[-5:])
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert LOOP.encode() not in answer


def test_while_another_request_has_a_permit_the_loop_answers_none(server):
    with ExitStack() as opened:
        kept = opened.enter_context(closing(load.Connection(server.port)))
        assert until(lambda: thread(kept.ask(load.post(ONE))[1]) == LOOP)
        slow = load.connected(opened, server.port)
        slow.sendall(load.post(load.for_a_thread(ONE))[:-1])
        assert until(lambda: thread(kept.ask(load.post(ONE))[1]) == "thread")
        assert thread(kept.ask(load.get("/livez"))[1]) == "thread"
        slow.sendall(b" ")
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert until(lambda: thread(kept.ask(load.post(ONE))[1]) == LOOP)


def test_a_request_that_the_loop_begins_and_a_thread_answers_is_counted_and_logged_once():
    with running(NAMED, DELIVERY_RISK_WORKERS="1") as server, closing(load.Connection(server.port)) as connection:
        assert connection.ask(load.post(b'{"orders": [{}]}', "X-Request-ID: once"))[0] == 422
        assert connection.ask(load.post(ONE))[0] == 200
        found = server.metrics()
        assert found['http_request_duration_seconds_count{method="POST",route="/score",status="422"}'] == 1
        assert found["delivery_risk_unscored_orders_total"] == 1
        assert found["delivery_risk_requests_in_progress"] == 0
        assert len(server.lines('"once"')) == 1


def test_a_client_that_does_not_read_keeps_nobody_waiting_and_gets_every_byte(server):
    """Its answers fill the buffers of the kernel, until one is taken in part: a thread waits with the rest of that one."""
    content, sent = load.post(load.orders(300)), 0
    with ExitStack() as opened:
        slow = opened.enter_context(socket.socket())
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        while not server.metrics()[PRESENT]:
            assert sent < 1000
            slow.sendall(content)
            sent += 1
            time.sleep(0.005)
        other = opened.enter_context(closing(load.Connection(server.port)))
        begin = time.monotonic()
        for request_ in (load.get("/livez"), load.post(ONE)) * 10:
            assert other.ask(request_)[0] == 200
        assert time.monotonic() - begin < 5
        slow.settimeout(10)
        stream = opened.enter_context(slow.makefile("rb"))
        for _ in range(sent):
            head = b"".join(iter(stream.readline, b"\r\n"))
            length = int(re.search(rb"Content-Length: (\d+)", head)[1])
            assert len(json.loads(stream.read(length))["results"]) == 300
        assert until(lambda: server.metrics()[PRESENT] == 0)


@pytest.mark.parametrize(("workers", "kind"), [(1, "sleeps"), pytest.param(1, "spins", marks=pytest.mark.long), (2, "sleeps")])
def test_a_worker_whose_loop_is_held_by_a_request_is_replaced_and_the_others_answer_probes(workers, kind):
    with (
        running(STUCK, DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="1", DELIVERY_RISK_WORKERS=str(workers)) as server,
        ExitStack() as opened,
    ):
        before = server.all_workers(workers)
        assert until(lambda: server.metrics()["delivery_risk_workers_started_total"] == workers)
        begun = time.monotonic()
        stuck = load.connected(opened, server.port)
        stuck.sendall(load.post(batch(kind)))
        if workers > 1:
            time.sleep(0.2)
            for _ in range(20):
                assert server.call("GET", "/livez")[0] == 200
            assert server.workers() == before
        assert until(lambda: len(now := server.workers()) == workers and set(now) != set(before)), server.log()
        assert time.monotonic() - begun <= 1 + 5
        assert stuck.recv(1000) == b""
        assert server.call("GET", "/readyz")[0] == 200
        assert server.metrics()[LOST] == 1
        (line,) = server.lines("over its time limit")
        assert line["request_id"]


def test_an_idle_connection_is_closed_once_its_time_is_over_and_a_used_one_is_not():
    with running(NAMED, DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_KEEPALIVE_SECONDS="2") as server, ExitStack() as opened:
        idle, used = load.connected(opened, server.port), load.connected(opened, server.port)
        begin = time.monotonic()
        for connection in (idle, used):
            connection.sendall(load.get("/livez"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        while time.monotonic() < begin + 4:
            used.sendall(load.get("/livez"))
            assert used.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.2)
        idle.settimeout(0.1)
        assert idle.recv(1000) == b""


def test_a_worker_that_stops_answers_the_request_of_a_kept_connection_and_closes_it():
    with running(NAMED, DELIVERY_RISK_WORKERS="1") as server, ExitStack() as opened:
        connection = load.connected(opened, server.port)
        connection.sendall(load.get("/livez"))
        assert b"Connection: keep-alive" in connection.recv(65536)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(load.post(ONE))
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in answer
