"""The probes of framing against the real server, and what becomes of a connection whose request was refused."""

import json
import socket

import pytest

from schemas.faults import ProblemSchema
from tests.integration import framing, load
from tests.servers import running


@pytest.fixture(scope="module")
def server():
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS="1") as started:
        yield started


def orders_answered(server):
    return sum(value for name, value in server.metrics().items() if name.startswith("delivery_risk_orders_total"))


def asked(server, probe):
    """What the service answers to a probe, and how many orders it has scored over it."""
    before = orders_answered(server)
    answer = framing.send(server.port, probe.request, half_closed=probe.half_closed)
    return answer, orders_answered(server) - before


REFUSED = [probe for probe in framing.PROBES if 200 not in probe.alone]
TAKEN = [probe for probe in framing.PROBES if 200 in probe.alone]


@pytest.mark.parametrize("probe", REFUSED, ids=[probe.name for probe in REFUSED])
def test_a_request_whose_end_is_not_clear_is_refused_at_once_and_nothing_of_it_is_scored(server, probe):
    answer, scored = asked(server, probe)
    assert len(answer.statuses) == 1, "one answer to one request"
    assert answer.statuses[0] in probe.alone
    assert ProblemSchema().load(json.loads(answer.body))["status"] == answer.statuses[0]
    assert answer.seconds < 5
    assert scored == 0


def test_a_request_that_names_no_host_has_a_clear_end_and_is_scored_once(server):
    (probe,) = TAKEN
    answer, scored = asked(server, probe)
    assert (probe.name, answer.statuses, scored) == ("no host", (200,), 1)


def test_the_probes_differ_from_a_sound_request_by_their_fault_alone(server):
    assert framing.send(server.port, framing.SMUGGLED).statuses == (200,)
    assert framing.send(server.port, framing.SMUGGLED * 2).statuses == (200, 200)


BODY = load.orders(1)
KEPT = {
    "another coding": (load.post(BODY, "Content-Encoding: br"), 415),
    "another media type": (load.post(BODY).replace(b"application/json", b"text/plainest..."), 415),
    "not JSON": (load.post(b"{" + BODY), 400),
    "damaged gzip": (load.post(BODY, "Content-Encoding: gzip"), 400),
}


@pytest.mark.parametrize(("refused", "status"), KEPT.values(), ids=KEPT)
def test_after_a_refused_body_the_next_request_on_the_connection_is_read_from_its_start(server, refused, status):
    answer = framing.send(server.port, refused + load.get("/livez") + load.post(BODY))
    assert answer.statuses == (status, 200, 200)


def test_after_chunks_the_connection_is_closed_so_that_nothing_behind_them_is_read(server):
    chunks = framing.CHUNKED + b"\r\n\r\n" + framing.CHUNKS
    for line, status in ((b"POST /score", 411), (b"GET /livez", 200)):
        request = line + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + chunks + framing.SMUGGLED
        answer = framing.send(server.port, request)
        assert (answer.statuses, answer.closed) == ((status,), True)


def test_a_client_that_goes_away_within_its_body_is_no_error_of_the_service(server):
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(load.post(BODY)[:-5])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert server.call("GET", "/livez")[0] == 200
    assert not [name for name, count in server.metrics().items() if 'status="500"' in name and count]
    assert "Traceback" not in server.log()
