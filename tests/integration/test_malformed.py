"""Malformed and ambiguous requests on the real server: each gets one answer, and nothing of it is scored."""

import json
import socket

import pytest

from schemas.faults import ProblemSchema
from tests.integration import framing, load
from tests.servers import running

TOO_LONG = b"GET /?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = load.orders(1)
REJECTED = [probe for probe in framing.PROBES if 200 not in probe.alone]
TAKEN = [probe for probe in framing.PROBES if 200 in probe.alone]


@pytest.fixture(scope="module")
def server():
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="1") as started:
        yield started


def reset(server, content):
    """Send these bytes and reset the connection without reading an answer."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(content)


@pytest.mark.parametrize("probe", REJECTED, ids=[probe.name for probe in REJECTED])
def test_a_request_with_an_unclear_end_is_rejected_at_once_and_nothing_of_it_is_scored(server, probe):
    before = server.orders()
    answer = framing.send(server.port, probe.request, half_closed=probe.half_closed)
    assert len(answer.statuses) == 1, "one answer to one request"
    assert answer.statuses[0] in probe.alone
    assert ProblemSchema().load(json.loads(answer.body))["status"] == answer.statuses[0]
    assert answer.seconds < 5
    assert server.orders() == before


def test_a_request_without_a_host_has_a_clear_end_and_is_scored_once(server):
    before, (probe,) = server.orders(), TAKEN
    assert (probe.name, framing.send(server.port, probe.request).statuses) == ("no host", (200,))
    assert server.orders() == before + 1


def test_the_probes_differ_from_a_valid_request_by_their_fault_alone(server):
    assert framing.send(server.port, framing.SMUGGLED).statuses == (200,)
    assert framing.send(server.port, framing.SMUGGLED * 2, quiet=1).statuses == (200, 200)


def test_another_parser_that_gunicorn_would_prefer_is_not_used(tmp_path):
    (tmp_path / "gunicorn_h1c.py").write_text("raise RuntimeError('it is used')")
    with running(DELIVERY_RISK_WORKERS="1", PYTHONPATH=str(tmp_path)) as started:
        assert framing.send(started.port, framing.SMUGGLED).statuses == (200,)


KEPT = {
    "another coding": (load.post(BODY, "Content-Encoding: br"), 415),
    "another media type": (load.post(BODY).replace(b"application/json", b"text/plainest..."), 415),
    "not JSON": (load.post(b"{" + BODY), 400),
    "damaged gzip": (load.post(BODY, "Content-Encoding: gzip"), 400),
}


@pytest.mark.parametrize(("rejected", "status"), KEPT.values(), ids=KEPT)
def test_after_a_rejected_body_the_next_request_on_the_connection_is_read_from_its_start(server, rejected, status):
    answer = framing.send(server.port, rejected + load.get("/livez") + load.post(BODY), quiet=1)
    assert answer.statuses == (status, 200, 200)


def test_after_chunks_the_connection_is_closed_and_nothing_behind_them_is_read(server):
    chunks = framing.CHUNKED + b"\r\n\r\n" + framing.CHUNKS
    for line, status in ((b"POST /score", 411), (b"GET /livez", 200)):
        request = line + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + chunks + framing.SMUGGLED
        assert framing.exchange(server.port, request, half_closed=False).statuses == (status,)


def test_a_client_that_disconnects_early_is_no_error_of_the_service(server):
    reset(server, load.post(BODY)[:-5])
    for _ in range(20):
        reset(server, TOO_LONG)
    assert server.call("GET", "/livez")[0] == 200
    assert not [name for name, count in server.metrics().items() if 'status="500"' in name and count]
    assert "Traceback" not in server.log()


def test_a_malformed_request_is_logged_by_the_id_of_its_answer_and_counted(server):
    sample = 'http_request_duration_seconds_count{method="other",route="unreadable",status="414"}'
    waits = 'delivery_risk_stage_duration_seconds_count{stage="wait"}'
    before = server.metrics()
    answer = framing.exchange(server.port, TOO_LONG, half_closed=False)
    after = server.metrics()
    head, _, body = answer.received.partition(b"\r\n\r\n")
    problem = ProblemSchema().load(json.loads(body))
    assert (problem["status"], problem["detail"]) == (414, "The first line is too long.")
    status, *headers = head.decode().split("\r\n")
    given = dict(header.split(": ", 1) for header in headers)
    assert status == "HTTP/1.1 414 REQUEST URI TOO LONG"
    assert given.keys() == {"Date", "Connection", "Content-Type", "Content-Length", "X-Request-ID"}
    assert (given["Connection"], given["X-Request-ID"]) == ("close", problem["request_id"])
    lines = server.lines(problem["request_id"])
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [("other", "unreadable", 414)]
    assert after[sample] == before.get(sample, 0) + 1
    assert after[waits] == before[waits] + 2, "the scrape before, and this one"
