"""Clients that the real nginx refuses, outlasts or lets go, so that the real service behind it answers the others."""

import http.client
import json
import os
import re
import signal
import socket
import time
from contextlib import ExitStack

import pytest

from schemas.faults import ProblemSchema
from service import config
from tests.deploy.fronts import FILES, front
from tests.deploy.hostile import BODY, SHARED_ADDRESS, head, side_by_side
from tests.integration.framing import exchange
from tests.servers import running

pytestmark = pytest.mark.deploy

SITE = (FILES / "delivery-risk.conf").read_text()
JSON = {"Content-Type": "application/json"}
ORDERS = json.loads(BODY)["orders"]
FEATURES = ("route_disruption", "backlog", "weather_severity")


def problem(answer, status, kind):
    given, headers, text = answer
    assert (given, headers["content-type"]) == (status, "application/problem+json"), answer
    found = ProblemSchema().load(json.loads(text))
    assert (found["status"], found["type"]) == (status, f"urn:delivery-risk:problem:{kind}")
    assert found["request_id"] == headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", found["request_id"])
    return found


def test_what_nginx_refuses_by_itself_is_a_problem_too(proxy):
    problem(proxy.call("GET", "/metrics"), 404, "not-found")
    traced = proxy.call("TRACE", "/livez")
    problem(traced, 405, "method-not-allowed")
    assert "OPTIONS" in traced[1]["allow"].split(", ")
    problem(proxy.call("GET", "/" + "x" * 5000), 414, "uri-too-long")
    problem(proxy.call("GET", "/livez", headers={"X-A": "x" * 5000}), 431, "headers-too-large")
    problem(proxy.call("GET", "/delivery-risk.problem"), 404, "not-found")
    assert exchange(proxy.port, b"\x16\x03\x01 not HTTP\r\n\r\n").statuses == (400,)


def test_a_body_over_the_limit_is_refused_by_its_length_and_in_chunks(proxy):
    most = config.load({}).max_body_bytes
    told = problem(proxy.call("POST", "/score", bytes(most + 1), JSON), 413, "body-too-large")
    assert told["detail"] == f"The body is larger than {most} bytes."
    assert exchange(proxy.port, head("Content-Length: 99999999999")).statuses == (413,)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (most + 1, bytes(most + 1))
    refused = exchange(proxy.port, head("Transfer-Encoding: chunked") + chunks)
    assert (refused.statuses, json.loads(refused.body)["status"]) == ((413,), 413)
    padded = BODY + b" " * (most - len(BODY))
    assert proxy.call("POST", "/score", padded, JSON)[0] == 200


def test_without_the_service_the_answer_is_a_503_that_says_when_to_come_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with front(port) as alone:
        for _ in range(3):
            answer = alone.call("POST", "/score", BODY, JSON)
            problem(answer, 503, "unavailable")
            assert answer[1]["retry-after"] == "1"


def test_an_address_has_so_many_requests_at_work_and_the_others_are_not_hurt(proxy):
    (most,) = re.findall(r"limit_conn delivery_risk (\d+);", SITE)
    slow = []
    try:
        for _ in range(int(most)):
            slow.append(socket.create_connection(("127.0.0.1", proxy.port), 5, (SHARED_ADDRESS, 0)))
            slow[-1].sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
            assert slow[-1].recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it is at work
            slow[-1].sendall(BODY[:-1])
        refused = exchange(proxy.port, head("Content-Length: 0"), SHARED_ADDRESS)
        assert refused.statuses == (429,)
        assert json.loads(refused.body)["type"] == "urn:delivery-risk:problem:too-many-connections"
        assert len(proxy.score(ORDERS)["results"]) == 10
        for connection in slow:
            connection.sendall(BODY[-1:])
        answered = {connection.recv(12) for connection in slow}
        assert b"HTTP/1.1 200" in answered <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    finally:
        for connection in slow:
            connection.close()


def test_a_worker_killed_between_requests_costs_no_request():
    with running(DELIVERY_RISK_WORKERS="2") as server, front(server.port) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        for number in range(60):
            if number % 6 == 5:
                os.kill(server.all_workers(2)[0], signal.SIGKILL)
            connection.request("POST", "/score", BODY, JSON)
            answer = connection.getresponse()
            assert (answer.status, len(json.loads(answer.read())["results"])) == (200, 10)
        connection.close()


def unreading(port):
    """A client that asks for more than the kernel keeps for it, 30,000 errors, and then reads nothing."""
    columns = dict.fromkeys(FEATURES, [None] * 10_000)
    body = json.dumps({"order_ids": [f"{number:0128}" for number in range(10_000)], "columns": columns}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(head(f"Content-Length: {len(body)}", query="?on_error=partial") + body)
    return connection


def test_clients_that_do_not_read_their_answers_keep_no_thread_of_the_service():
    with (
        running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_THREADS="2", DELIVERY_RISK_MAX_CONCURRENT="1") as server,
        front(server.port) as proxy,
        ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(unreading(proxy.port))
            time.sleep(1)  # one place: the next would be refused while this is computed
        begun = time.monotonic()
        assert len(proxy.score(ORDERS)["results"]) == 10
        assert time.monotonic() - begun < 20


@pytest.mark.long
def test_those_who_wait_are_let_go(proxy):
    """Silent, or not reading: ten seconds each, of nginx's time alone."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as silent, unreading(proxy.port) as reader:
        assert silent.recv(1) == b""
        assert 9 < time.monotonic() - begun < 20
        time.sleep(5)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: reader.recv(65536), b""))


STATUSES = {"200", "400", "413", "415", "429", "503", "closed", "held"}


def statuses(outcome):
    return {status for endings in outcome.hostile.values() for status in endings}


def test_ten_kinds_of_hostile_clients_do_not_hurt_a_polite_one():
    with running() as server, front(server.port) as proxy:
        outcome = side_by_side(proxy.port, server.process.pid, 6, 1)
    assert not outcome.polite.failed
    assert len(outcome.polite.seconds) > 12
    assert outcome.most - outcome.before <= 20
    assert statuses(outcome) <= STATUSES


@pytest.mark.long
def test_a_hundred_hostile_clients_have_a_polite_one_refused_at_times_and_never_anything_worse():
    with running() as server, front(server.port) as proxy:
        outcome = side_by_side(proxy.port, server.process.pid, 40, 10)
    assert outcome.polite.failed.keys() <= {"503"}
    assert outcome.polite.failed["503"] < len(outcome.polite.seconds) / 2
    assert outcome.most - outcome.before <= 8 * 16 + 20, "each of the eight places may hold a body of 16 MiB"
    assert statuses(outcome) <= STATUSES
