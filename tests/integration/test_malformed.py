"""Requests that gunicorn cannot read, against what gunicorn itself would say of them, and on the real server."""

import json
import logging
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http import errors
from gunicorn.workers.base import Worker

from schemas.faults import ProblemSchema
from service.web import malformed
from service.web.errors import MEDIA_TYPE
from tests.integration import framing
from tests.servers import running

SECRET = "to-be-told-to-nobody"
TOO_LONG = b"GET /?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def kinds(base=errors.ParseException):
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def made(kind):
    """An error of this kind that holds what a client sent."""
    error = kind.__new__(kind, SECRET)
    held = ("info", "method", "expect", "version", "hdr", "data", "term", "reason", "size", "max_size", "msg", "line", "host")
    vars(error).update(dict.fromkeys(held, SECRET), req=SECRET if kind is errors.InvalidRequestLine else None)
    return error


def gunicorns(error):
    """The status of gunicorn's own answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Worker.handle_error(SimpleNamespace(log=logging.getLogger("nobody")), None, ours, ("127.0.0.1", 1), error)
        return int(theirs.recv(65536).split()[1])


def refused(client, error):
    """The application's answer to the request that failed with this error."""
    return client.open("/", environ_overrides=malformed.environ(error))


NOT_THE_CLIENTS = {errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName}
KINDS = sorted(set(kinds()) - NOT_THE_CLIENTS, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_what_gunicorn_cannot_read_is_refused_with_gunicorns_status_and_nothing_of_it_is_told(client, kind):
    error = made(kind)
    assert malformed.is_unreadable(error)
    answer = refused(client, error)
    assert (answer.content_type, answer.status_code) == (MEDIA_TYPE, answer.json["status"])
    # gunicorn takes an unsound header of the PROXY protocol for a fault of its own
    assert answer.status_code == (400 if kind is errors.InvalidProxyHeader else gunicorns(error))
    assert ProblemSchema().load(answer.json)["request_id"] == answer.headers["X-Request-ID"]
    assert SECRET not in answer.text


@pytest.mark.parametrize("error", [made(kind) for kind in NOT_THE_CLIENTS] + [ValueError(), OSError(), SystemExit()], ids=repr)
def test_what_is_no_fault_of_the_client_is_left_to_gunicorn(error):
    assert not malformed.is_unreadable(error)


def test_each_kind_that_a_client_can_mend_is_told_in_words_of_its_own(client):
    told = [refused(client, made(kind)).json["detail"] for kind in KINDS]
    default = "The request is not sound HTTP."
    assert told.count(default) == len(KINDS) - 11
    assert len(set(told)) == 12


def test_no_header_makes_a_request_unreadable(client):
    names = ("delivery_risk.unreadable", "Delivery-Risk.Unreadable", "DELIVERY_RISK.UNREADABLE")
    assert client.get("/livez", headers=dict.fromkeys(names, "1")).status_code == 200


@pytest.fixture(scope="module")
def server():
    with running(DELIVERY_RISK_WORKERS="1") as started:
        yield started


def test_an_unreadable_request_has_one_id_in_the_answer_and_in_its_log_line_and_counts(server):
    sample = 'http_request_duration_seconds_count{method="other",route="unreadable",status="414"}'
    waits = 'delivery_risk_stage_duration_seconds_count{stage="wait"}'
    before = server.metrics()
    answer = framing.send(server.port, TOO_LONG)
    after = server.metrics()
    head, _, body = answer.received.partition(b"\r\n\r\n")
    problem = ProblemSchema().load(json.loads(body))
    assert (answer.closed, problem["status"], problem["detail"]) == (True, 414, "The first line is too long.")
    status, *headers = head.decode().split("\r\n")
    given = dict(header.split(": ", 1) for header in headers)
    assert status == "HTTP/1.1 414 REQUEST URI TOO LONG"
    assert given.keys() == {"Date", "Connection", "Content-Type", "Content-Length", "X-Request-ID"}
    assert (given["Connection"], given["X-Request-ID"]) == ("close", problem["request_id"])
    lines = [json.loads(line) for line in server.log().splitlines() if problem["request_id"] in line]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [("other", "unreadable", 414)]
    assert after[sample] == before.get(sample, 0) + 1
    assert after[waits] == before[waits] + 2  # the scrape before, and this one


def test_a_client_that_does_not_wait_for_its_refusal_harms_nobody(server):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(TOO_LONG)
    assert server.call("GET", "/livez")[0] == 200
    assert "Traceback" not in server.log()


def test_a_token_is_not_asked_for_where_nothing_can_be_read(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("ops score " + "0" * 64 + "\n")
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_TOKENS_FILE=str(tokens)) as server:
        assert framing.send(server.port, TOO_LONG).statuses == (414,)
        assert server.call("GET", "/model")[0] == 401
