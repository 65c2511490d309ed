"""Clients that send no request, or its first line and headers slowly, on the real server: they hold no thread."""

import json
import os
import socket
import time
from contextlib import ExitStack, closing
from http.client import HTTPResponse

import pytest

from tests.facts import ORDER
from tests.integration import load
from tests.servers import SERVE, running, until

HEAD = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", HEAD[:9], HEAD[:-1], HEAD[:22] + b"X-A: " + b"a" * 60_000])
def test_clients_that_do_not_complete_a_head_delay_no_other_and_not_the_stop(sent):
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_THREADS="5") as server, ExitStack() as opened:
        kept = opened.enter_context(closing(load.Connection(server.port)))
        assert kept.ask(load.get("/livez"))[0] == 200
        slow = [load.connected(opened, server.port) for _ in range(30)]
        for each in slow:
            each.sendall(sent)
        begun = time.monotonic()
        for _ in range(20):
            assert server.call("GET", "/livez")[0] == 200
            assert server.score([ORDER])["results"]
            assert kept.ask(load.get("/livez"))[0] == 200
        assert time.monotonic() - begun < 4, "each of them waits for 5 s where they hold the threads"
        begun = time.monotonic()
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert time.monotonic() - begun < 10


def test_a_head_that_comes_byte_by_byte_is_answered_and_its_worker_waits_without_work():
    with running(DELIVERY_RISK_WORKERS="1") as server, ExitStack() as opened:
        (worker,) = server.all_workers(1)
        connection = load.connected(opened, server.port)
        for request in (load.get("/livez"), load.get("/version")):
            for byte in request[:-1]:
                connection.sendall(bytes([byte]))
                time.sleep(0.002)
            before = cpu_ticks(worker)
            time.sleep(1)
            assert cpu_ticks(worker) - before <= 20, "of 100"
            connection.sendall(request[-1:])
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read() != b"") == (200, True)


def cpu_ticks(process):
    with open(f"/proc/{process}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))


def test_a_head_without_an_end_is_rejected_by_its_size():
    with running() as server, ExitStack() as opened:
        connection = load.connected(opened, server.port)
        connection.sendall(HEAD[:-2] + b"X-A: a\r\n" * 9_000)
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 ")
        assert json.loads(body)["type"].endswith(":headers-too-large")
        assert until(lambda: 'status="431"' in str(server.metrics()))


def test_more_silent_clients_than_a_worker_has_connections_keep_no_other_out():
    with (
        running(["sh", "-c", 'ulimit -n 164; exec "$0" "$@"', *SERVE], DELIVERY_RISK_WORKERS="1") as server,
        ExitStack() as opened,
    ):
        silent = [load.connected(opened, server.port) for _ in range(150)]
        begun = time.monotonic()
        for _ in range(5):
            assert server.score([ORDER])["results"]
        assert time.monotonic() - begun < 4
        assert silent[0].recv(1) == b"", "the one that waited longest is closed"


@pytest.mark.parametrize("end", ["shutdown", "close"])
def test_a_client_that_ends_in_the_middle_of_a_head_leaves_nothing(end):
    with running(DELIVERY_RISK_WORKERS="1") as server:
        (worker,) = server.all_workers(1)
        assert server.call("GET", "/livez")[0] == 200
        time.sleep(0.5)
        before = len(os.listdir(f"/proc/{worker}/fd"))
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
                connection.sendall(HEAD[:40])
                time.sleep(0.02)
                connection.sendall(HEAD[40:50])
                if end == "shutdown":
                    connection.shutdown(socket.SHUT_WR)
                    assert connection.recv(1) == b""
        assert until(lambda: len(os.listdir(f"/proc/{worker}/fd")) == before)
