"""A head is handed over once gunicorn's parser, as the oracle, needs no more bytes for it; and then by a real socket."""

import random
import select
import socket
import ssl
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData

from service.server.request_head import MOST_BYTES, unfinished

CONFIG = Config()
HEAD = b"POST /score?a=b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
PIECES = [b"\r\n", b"\r", b"\n", b"\r\n\r\n", b" ", b":", b"HTTP/1.1", b"GET / HTTP/1.1\r\n", b"\x00", b"a" * 5000, b"{}", b""]


def connection(content, read=b"", family=socket.AF_INET, state=1):
    """A connection whose socket has these bytes and this state of TCP, and whose parser has read some."""
    parser = SimpleNamespace(unreader=SimpleNamespace(buf=SimpleNamespace(getvalue=lambda: read)))
    sock = SimpleNamespace(recv=lambda most, _: content[:most], setsockopt=lambda *_: None, family=family)
    sock.getsockopt = lambda *_: bytes([state])
    return SimpleNamespace(sock=sock, parser=parser if read else None, cfg=CONFIG)


def waits(content):
    """Whether gunicorn's parser would wait for further bytes."""
    try:
        next(get_parser(CONFIG, iter([content]), ("127.0.0.1", 1)))
    except NoMoreData:
        return True
    except Exception:
        return False
    return False


def mutated(draw):
    content = HEAD[: draw.choice([len(HEAD), draw.randrange(1, len(HEAD))])]
    for _ in range(draw.randrange(3)):
        at = draw.randrange(len(content) + 1)
        content = content[:at] + draw.choice(PIECES) + content[at + draw.choice([0, 0, 1, 9]) :]
    return content or b"G"


def test_no_thread_gets_a_head_that_it_would_wait_for():
    draw, given = random.Random(0), 0
    for _ in range(5000):
        content = mutated(draw)
        at = draw.randrange(len(content))
        for conn in (connection(content), connection(content[at:], content[:at])):
            if unfinished(conn, 0) is None:
                assert not waits(content), content
                given += 1
    assert given > 3000


@pytest.mark.parametrize("end", range(1, len(HEAD)))
def test_a_head_is_waited_for_to_its_last_byte(end):
    assert waits(HEAD[:end])
    assert unfinished(connection(HEAD[:end]), 0) == end


@pytest.mark.parametrize("content", [HEAD, HEAD + b"{}", HEAD[:30] + b"\n", b"GET /\r\n", b"a" * 5000, b"\r\n" + HEAD, b""])
def test_a_thread_gets_what_it_need_not_wait_for(content):
    assert unfinished(connection(content), 0) is None


def test_a_head_that_has_no_more_bytes_than_before_has_ended_or_the_kernel_has_no_room_for_more():
    assert unfinished(connection(HEAD[:30]), 29) == 30
    assert unfinished(connection(HEAD[:30], state=8), 30) is None
    with pytest.raises(LimitRequestHeaders):
        unfinished(connection(HEAD[:30]), 30)


def test_a_head_over_the_limit_is_rejected_unless_it_is_complete():
    long = HEAD[:-2] + b"X-A: a\r\n" * (MOST_BYTES // 8)
    with pytest.raises(LimitRequestHeaders):
        unfinished(connection(long), 0)
    assert unfinished(connection(long[: MOST_BYTES - 2]), 0) == MOST_BYTES - 2
    assert unfinished(connection(HEAD + long), 0) is None


def test_on_a_unix_socket_the_first_byte_is_enough():
    assert unfinished(connection(b"G", family=socket.AF_UNIX), 0) is None


def test_a_thread_waits_for_a_further_head_in_tls():
    with ExitStack() as opened:
        ends = [opened.enter_context(end) for end in socket.socketpair()]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wrapped = opened.enter_context(context.wrap_socket(ends[0], server_side=True, do_handshake_on_connect=False))
        assert unfinished(SimpleNamespace(sock=wrapped, parser=None, cfg=CONFIG), 0) is None


def test_a_socket_is_readable_for_further_bytes_only_and_then_for_one():
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = opened.enter_context(socket.create_connection(listener.getsockname()))
        sock = opened.enter_context(closing(listener.accept()[0]))
        conn: Any = SimpleNamespace(sock=sock, parser=None, cfg=CONFIG)

        def readable(seconds):
            return bool(select.select([sock], [], [], seconds)[0])

        assert unfinished(conn, 0) == 0
        client.sendall(HEAD[:20])
        assert readable(5)
        assert unfinished(conn, 0) == 20
        assert not readable(0.05)
        client.sendall(HEAD[20:])
        assert readable(5)
        assert unfinished(conn, 20) is None
        assert sock.recv(4096) == HEAD
        client.sendall(b"{")
        assert readable(5)
