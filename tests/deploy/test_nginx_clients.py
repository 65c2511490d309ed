"""Clients that the real nginx rejects, waits for or disconnects, so that the real service behind it answers the others."""

import http.client
import json
import re
import socket
import time
from contextlib import ExitStack, closing

import pytest

from schemas.faults import ProblemSchema
from schemas.validation import BatchValidator
from service import config
from tests.deploy.hostile import BATCH, BODY, HOSTILE_ADDRESS, head, side_by_side
from tests.deploy.nginx import JSON, SITE, running_nginx
from tests.facts import FEATURES, INPUTS
from tests.integration.framing import exchange
from tests.servers import running, until

pytestmark = pytest.mark.deploy


def problem(answer, status, kind):
    given, headers, text = answer
    assert (given, headers["content-type"]) == (status, "application/problem+json"), answer
    found = ProblemSchema().load(json.loads(text))
    assert (found["status"], found["type"]) == (status, f"urn:delivery-risk:problem:{kind}")
    assert found["request_id"] == headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", found["request_id"])
    return found


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("GET", "/metrics", {}, 404, "not-found"),
        ("TRACE", "/livez", {}, 405, "method-not-allowed"),
        ("GET", "/" + "x" * 5000, {}, 414, "uri-too-long"),
        ("GET", "/livez", {"X-A": "x" * 5000}, 431, "headers-too-large"),
        ("GET", "/delivery-risk.problem", {}, 404, "not-found"),
    ],
)
def test_an_error_that_nginx_answers_is_a_problem_too(nginx, method, path, headers, status, kind):
    answer = nginx.call(method, path, headers=headers)
    problem(answer, status, kind)
    assert status != 405 or "OPTIONS" in answer[1]["allow"].split(", ")


def test_a_body_over_the_limit_is_rejected_by_its_length_and_in_chunks(nginx):
    most = 16 * 2**20
    found = problem(nginx.call("POST", "/score", bytes(most + 1), JSON), 413, "body-too-large")
    assert found["detail"] == f"The body is larger than {most} bytes."
    assert exchange(nginx.port, head("Content-Length: 99999999999")).statuses == (413,)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (most + 1, bytes(most + 1))
    rejected = exchange(nginx.port, head("Transfer-Encoding: chunked") + chunks)
    assert (rejected.statuses, json.loads(rejected.body)["status"]) == ((413,), 413)
    largest = BatchValidator(INPUTS, config.load({}).max_orders).largest_body
    assert nginx.call("POST", "/score", BODY.ljust(largest), JSON)[0] == 200
    assert problem(nginx.call("POST", "/score", BODY.ljust(largest + 1), JSON), 413, "body-too-large")


def test_without_the_service_the_answer_is_a_503_with_retry_after():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running_nginx(port) as alone:
        for _ in range(3):
            answer = alone.call("POST", "/score", BODY, JSON)
            problem(answer, 503, "unavailable")
            assert answer[1]["retry-after"] == "1"


def test_the_requests_of_an_address_are_limited_and_other_addresses_are_not_affected(nginx):
    (most,) = re.findall(r"limit_conn delivery_risk (\d+);", SITE)
    with ExitStack() as stack:
        slow = []
        for _ in range(int(most)):
            slow.append(stack.enter_context(socket.create_connection(("127.0.0.1", nginx.port), 5, (HOSTILE_ADDRESS, 0))))
            slow[-1].sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
            assert slow[-1].recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # nginx is reading the request
            slow[-1].sendall(BODY[:-1])
        rejected = exchange(nginx.port, head("Content-Length: 0"), HOSTILE_ADDRESS)
        assert rejected.statuses == (429,)
        assert json.loads(rejected.body)["type"] == "urn:delivery-risk:problem:too-many-connections"
        assert len(nginx.score(BATCH)["results"]) == 10
        for connection in slow:
            connection.sendall(BODY[-1:])
        answered = {connection.recv(12) for connection in slow}
        assert b"HTTP/1.1 200" in answered <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}


def test_a_worker_killed_between_requests_costs_no_request():
    with (
        running(DELIVERY_RISK_WORKERS="2") as server,
        running_nginx(server.port) as nginx,
        closing(http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10)) as connection,
    ):
        for number in range(60):
            if number % 6 == 5:
                server.kill_worker(2)
            connection.request("POST", "/score", BODY, JSON)
            answer = connection.getresponse()
            assert (answer.status, len(json.loads(answer.read())["results"])) == (200, 10)


def unreading(port, requests=1):
    """A client that requests as many errors as an answer may have, and reads nothing. The kernel buffers one, not two."""
    columns = dict.fromkeys(FEATURES, [None] * 10_000)
    body = json.dumps({"order_ids": [f"{number:0128}" for number in range(10_000)], "columns": columns}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(requests * (head(f"Content-Length: {len(body)}", query="?on_error=partial") + body))
    return connection


def test_clients_that_do_not_read_their_answers_hold_no_thread_of_the_service():
    settings: dict = {"DELIVERY_RISK_WORKERS": "1", "DELIVERY_RISK_THREADS": "2", "DELIVERY_RISK_MAX_CONCURRENT": "1"}
    with running(**settings) as server, running_nginx(server.port) as nginx, ExitStack() as stack:
        clients = []

        def all_answered():
            start, found = 'http_request_duration_seconds_count{method="POST"', server.metrics()
            return sum(found[name] for name in found if name.startswith(start)) == len(clients)

        for _ in range(4):
            clients.append(stack.enter_context(unreading(nginx.port)))
            # At a concurrency limit of one, the next request would be rejected while this one is computed.
            assert until(all_answered, 20)
        begun = time.monotonic()
        assert len(nginx.score(BATCH)["results"]) == 10
        assert time.monotonic() - begun < 20


@pytest.mark.long
def test_silent_clients_and_clients_that_do_not_read_are_disconnected_after_ten_seconds(nginx):
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", nginx.port), 30) as silent, unreading(nginx.port, 2) as reader:
        assert silent.recv(1) == b""
        assert 9 < time.monotonic() - begun < 20
        time.sleep(5)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: reader.recv(65536), b""))


def attacked(seconds, copies):
    with running() as server, running_nginx(server.port) as nginx:
        outcome = side_by_side(nginx.port, server.process.pid, seconds, copies)
    endings = {status for endings in outcome.hostile.values() for status in endings}
    assert endings <= {"200", "400", "413", "415", "422", "429", "503", "closed", "held"}
    return outcome


def test_hostile_clients_of_every_kind_do_not_affect_a_polite_one():
    outcome = attacked(6, 1)
    assert (set(outcome.polite.statuses), outcome.polite.failures) == ({200}, {})
    assert outcome.polite.statuses[200] > 12
    assert outcome.most - outcome.before <= 60, "two bodies of 6 MiB and a batch of 10,000 orders are worked on"


@pytest.mark.long
def test_with_a_hundred_hostile_clients_a_polite_one_gets_503_at_times_and_no_other_error():
    outcome = attacked(40, 10)
    assert (outcome.polite.statuses.keys() <= {200, 503}, outcome.polite.failures) == (True, {})
    assert outcome.polite.statuses[200] > 80, "a 503 is quick: how many there are depends on how fast the others ask again"
    assert outcome.most - outcome.before <= 8 * 16 + 20, "each of the eight permits may hold a body of 16 MiB"
