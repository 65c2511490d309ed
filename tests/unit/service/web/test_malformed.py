"""The answers to requests that gunicorn cannot parse, compared with gunicorn's own."""

import logging
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http import errors
from gunicorn.workers.base import Worker

from schemas.faults import ProblemSchema
from service.web import malformed
from service.web.errors import MEDIA_TYPE

SECRET = "not-to-be-repeated"


def kinds(base=errors.ParseException):
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


NOT_THE_CLIENTS = (errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
KINDS = sorted({*kinds()}.difference(NOT_THE_CLIENTS), key=lambda kind: kind.__name__)


def made(kind):
    """An error of this kind that contains what a client sent."""
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


def answer_to(client, error):
    return client.open("/", environ_overrides=malformed.environ_of(error))


@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_request_gets_gunicorns_status_and_nothing_of_it_is_repeated(client, kind):
    error = made(kind)
    assert malformed.is_client_error(error)
    answer = answer_to(client, error)
    assert (answer.content_type, answer.status_code) == (MEDIA_TYPE, answer.json["status"])
    # gunicorn reports an invalid header of the PROXY protocol as a fault of its own
    assert answer.status_code == (400 if kind is errors.InvalidProxyHeader else gunicorns(error))
    assert ProblemSchema().load(answer.json)["request_id"] == answer.headers["X-Request-ID"]
    assert SECRET not in answer.text


@pytest.mark.parametrize("error", [*map(made, NOT_THE_CLIENTS), ValueError(), OSError(), SystemExit()], ids=type)
def test_an_error_that_is_not_the_clients_is_left_to_gunicorn(error):
    assert not malformed.is_client_error(error)


def test_each_kind_that_a_client_can_correct_has_its_own_detail(client):
    details = [answer_to(client, made(kind)).json["detail"] for kind in KINDS]
    (default,) = {detail for detail in details if details.count(detail) > 1}
    assert details.count(default) == len(KINDS) - 11
    assert len(set(details)) == 12


def test_no_header_makes_a_request_malformed(client):
    names = ("delivery_risk.malformed", "Delivery-Risk.Malformed", "DELIVERY_RISK.MALFORMED")
    assert client.get("/livez", headers=dict.fromkeys(names, "1")).status_code == 200
