"""Answers to plain requests have the bytes that gunicorn would send, which is the oracle here."""

import logging
import socket
from contextlib import closing
from threading import Thread
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.wsgi import Response

from service.server import exchange
from service.server.exchange import Exchange

JSON = ("Content-Type", "application/json")
LENGTH = ("Content-Length", "2")


class Answer(list):
    closed = False

    def close(self):
        self.closed = True


def answering(status, headers, pieces):
    def application(_, start_response):
        start_response(status, headers)
        return pieces

    return application


def exchange_of(application, *, kept=True, closes=False):
    called = []
    hooks = {name: lambda *given, name=name: called.append(name) for name in ("pre_request", "post_request")}
    cfg = SimpleNamespace(is_ssl=False, protocol="http")
    worker = SimpleNamespace(cfg=cfg, wsgi=application, counted=lambda: kept, log=logging.getLogger("test"), **hooks)
    request = SimpleNamespace(environ={}, method="GET", version=(1, 1), should_close=lambda: closes)
    return Exchange(worker, request), called


def by_gunicorn(status, headers, pieces, *, closes):
    sent = exchange._Sent()
    request = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: closes)
    response = Response(request, sent, Config())
    response.start_response(status, headers)
    for piece in pieces:
        response.write(piece)
    response.close()
    return bytes(sent), response.should_close()


ANSWERS = {
    "plain": ("200 OK", [JSON, LENGTH], [b"{}"]),
    "no headers but the length": ("200 OK", [LENGTH], [b"{}"]),
    "pieces": ("200 OK", [JSON, LENGTH], [b"{", b"}"]),
    "no body": ("200 OK", [("Content-Length", "0")], []),
    "an error": ("503 Service Unavailable", [JSON, LENGTH, ("Retry-After", "1")], [b"{}"]),
    "no reason": ("200", [LENGTH], [b"{}"]),
    "an unknown status": ("299 A B/C-d", [LENGTH], [b"{}"]),
    "no length": ("200 OK", [JSON], [b"{}"]),
    "a length in small letters": ("200 OK", [("content-length", "2")], [b"{}"]),
    "a length with spaces": ("200 OK", [("Content-Length", " 2 ")], [b"{}"]),
    "too much": ("200 OK", [LENGTH], [b"{} "]),
    "no content": ("204 No Content", [LENGTH], []),
    "not modified": ("304 Not Modified", [("ETag", '"a"')], []),
    "empty value": ("200 OK", [LENGTH, ("X-A", "")], [b"{}"]),
    "spaces around a value": ("200 OK", [LENGTH, ("X-A", "\ta b ")], [b"{}"]),
    "tabs and Latin-1": ("200 OK", [LENGTH, ("X-A", "a\tb \xe9")], [b"{}"]),
    "the same name twice": ("200 OK", [LENGTH, ("Vary", "A"), ("Vary", "B")], [b"{}"]),
    "hop by hop": ("200 OK", [LENGTH, ("Connection", "close"), ("Keep-Alive", "5"), ("Trailer", "x")], [b"{}"]),
    "a token": ("200 OK", [LENGTH, ("X!#$%&'*+.^_`|~", "a")], [b"{}"]),
}


@pytest.mark.parametrize("closes", [False, True], ids=["kept", "closed"])
@pytest.mark.parametrize(("status", "headers", "pieces"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_has_the_bytes_of_gunicorn(status, headers, pieces, closes, monkeypatch):
    date = "Sun, 29 Nov 2026 15:00:00 GMT"
    monkeypatch.setattr(util, "http_date", lambda *_: date)
    monkeypatch.setattr(exchange, "_http_date", lambda _: date)

    made, _ = exchange_of(answering(status, headers, pieces), closes=closes)
    expected, closed = by_gunicorn(status, headers, [b"".join(pieces)], closes=closes)
    assert made.answer() == expected
    assert made.keep == (not closed)
    assert (made.status, made.headers) == (status, headers)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        *(([LENGTH, ("X A", "b")], InvalidResponseHeaderName), ([LENGTH, ("", "b")], InvalidResponseHeaderName)),
        *(
            ([LENGTH, ("X-A", "b\r\nX-B: c")], InvalidResponseHeader),
            ([LENGTH, ("X-A\r\nX-B", "c")], InvalidResponseHeaderName),
        ),
        *(([LENGTH, ("X-A", "\x00")], InvalidResponseHeader), ([LENGTH, ("X-A", 1)], TypeError), ([(b"X-A", "1")], TypeError)),
    ],
)
def test_a_header_that_would_change_the_framing_is_an_error(headers, error):
    made, _ = exchange_of(answering("200 OK", headers, [b"{}"]))
    with pytest.raises(error):
        made.answer()


@pytest.mark.parametrize("status", ["abc", "200 OK\r\nX: y", "1", 200])
def test_a_status_that_is_none_is_an_error(status):
    made, _ = exchange_of(answering(status, [LENGTH], [b"{}"]))
    with pytest.raises((TypeError, ValueError)):
        made.answer()


def test_an_answer_begins_once_but_for_an_error():
    def application(_, start_response):
        start_response("200 OK", [JSON])(b"lost?")
        with pytest.raises(AssertionError):
            start_response("200 OK", [JSON])
        start_response("500 Internal Server Error", [("Content-Length", "7")], (None, None, None))
        return [b"!!"]

    made, _ = exchange_of(application)
    assert made.answer().startswith(b"HTTP/1.1 500 ")


def test_hooks_are_called_around_the_answer_and_what_it_holds_is_closed():
    answer = Answer([b"{}"])
    made, called = exchange_of(answering("200 OK", [LENGTH], answer))
    made.answer()
    assert called == ["pre_request"]
    assert not answer.closed
    made.end()
    assert called == ["pre_request", "post_request"]
    assert answer.closed


def test_a_hook_that_fails_after_the_answer_is_logged(caplog):
    made, _ = exchange_of(answering("200 OK", [LENGTH], [b"{}"]))
    made._worker.post_request = lambda *_: 1 / 0
    made.answer()
    made.end()
    assert "post_request" in caplog.text


def test_what_the_kernel_does_not_take_is_sent_by_a_thread():
    body = b"x" * 5_000_000
    headers = [("Content-Length", str(len(body)))]
    made, called = exchange_of(answering("200 OK", headers, [body]))
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setblocking(False)
        made.send(ours)
        assert 0 < len(made.unsent) < len(body)
        assert "post_request" not in called
        sent = Thread(target=lambda: made.send_rest(ours) and ours.shutdown(socket.SHUT_WR))
        sent.start()
        received = b"".join(iter(lambda: theirs.recv(2**20), b""))
        sent.join()
    assert received.endswith(b"\r\n\r\n" + body)
    assert called[-1] == "post_request"


def test_a_client_that_leaves_before_the_rest_is_sent_ends_the_exchange():
    body = b"x" * 5_000_000
    headers = [("Content-Length", str(len(body)))]
    made, called = exchange_of(answering("200 OK", headers, [body]))
    ours, theirs = socket.socketpair()
    with closing(ours):
        made.send(ours)
        theirs.close()
        assert made.send_rest(ours) is False
    assert called[-1] == "post_request"
