"""Connections that the service closes: the client gets its answer, and one that keeps its own side open delays no other."""

import os
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from service.server.connections import LINGER_SECONDS, MOST_LINGERING
from tests.servers import running, until

REQUEST = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server():
    with running(DELIVERY_RISK_WORKERS="1") as started:
        started.call("GET", "/nothing")  # opens what the worker keeps open
        yield started


def descriptors(server):
    (worker,) = server.all_workers(1)
    return len(os.listdir(f"/proc/{worker}/fd"))


def answer(connection):
    """What arrives until the service closes its side."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("count", [80, MOST_LINGERING + 50])
def test_clients_that_never_close_delay_no_probe_and_are_bounded_in_number_and_time(server, count):
    before = descriptors(server)
    with ExitStack() as opened:
        for _ in range(count):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            connection.sendall(REQUEST)
            assert answer(connection).startswith(b"HTTP/1.1 404 ")
        assert descriptors(server) - before <= MOST_LINGERING + 1
        longest = 0.0
        until_closed = time.monotonic() + LINGER_SECONDS + 2
        while descriptors(server) > before:
            assert time.monotonic() < until_closed
            begin = time.monotonic()
            assert server.call("GET", "/livez")[0] == 200
            longest = max(longest, time.monotonic() - begin)
        assert longest < 1


def test_a_client_that_is_still_sending_gets_its_answer(server):
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(REQUEST.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 4000000\r\n\r\n"))
        for _ in range(40):
            connection.sendall(bytes(100_000))
            time.sleep(0.01)
        assert answer(connection).startswith(b"HTTP/1.1 404 ")


def test_a_worker_that_stops_ends_lingering_connections_in_time():
    with (
        running(DELIVERY_RISK_WORKERS="1") as server,
        socket.create_connection(("127.0.0.1", server.port), 10) as connection,
    ):
        connection.sendall(REQUEST)
        assert answer(connection)
        begin = time.monotonic()
        server.process.terminate()
        assert until(lambda: server.process.poll() is not None)
        assert time.monotonic() - begin < LINGER_SECONDS + 3


@pytest.mark.parametrize(("size", "kept"), [(1000, True), (100_000, False), (1_000_000, False)])
def test_an_answer_says_whether_its_connection_is_closed_where_the_body_is_not_read(server, size, kept):
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head + bytes(size))
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert (b"\r\nConnection: keep-alive\r\n" in answer, b"\r\nConnection: close\r\n" in answer) == (kept, not kept)
        with suppress(ConnectionError):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ") == kept
