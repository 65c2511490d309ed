"""Clients that do not read their answers: each holds a permit until its deadline to be sent, and no probe."""

import json
import socket
import time
from contextlib import ExitStack

import pytest

from tests.facts import ORDER
from tests.integration import load
from tests.servers import running, until

LIMITS = {
    "DELIVERY_RISK_WORKERS": "1",
    "DELIVERY_RISK_THREADS": "4",
    "DELIVERY_RISK_MAX_CONCURRENT": "2",
    "DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS": "5",
}
OVERDUE = 'delivery_risk_requests_overdue_total{stage="send"}'
ANSWER = load.post(
    json.dumps({"orders": [ORDER | {"order_id": f"{'🚚' * 120}{n}"} for n in range(10_000)]}, ensure_ascii=False).encode()
)
"""A request whose answer is larger than what the kernel holds of it for a client that does not read."""

FILE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(server, content):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(content)
    return connection


@pytest.mark.parametrize(("content", "trickles"), [(ANSWER, False), (ANSWER, True)], ids=["silent", "trickling"])
def test_an_answer_that_is_not_read_holds_a_permit_until_its_deadline_and_no_probe(content, trickles):
    with running(**LIMITS) as server, ExitStack() as opened:
        workers = server.all_workers(1)
        clients = [opened.enter_context(connect(server, content)) for _ in range(2)]
        assert until(lambda: server.call("POST", "/score", b"{}", {"Content-Type": "application/json"})[0] == 503)
        begin = time.monotonic()
        while server.metrics()[OVERDUE] < 2:
            assert server.call("GET", "/livez")[0] == 200
            for client in clients if trickles else ():
                client.recv(100)
            time.sleep(0.05)
            assert time.monotonic() - begin < 15
        assert server.score([ORDER])["results"]
        assert until(lambda: server.metrics()["delivery_risk_requests_in_progress"] == 0)
        assert server.workers() == workers, server.log()
        assert len(server.lines("not read in time", 2)) == 2


def test_more_readers_of_a_file_than_threads_stop_no_probe():
    with running(**LIMITS) as server, ExitStack() as opened:
        for _ in range(6):
            opened.enter_context(connect(server, FILE * 4))
        for _ in range(20):
            assert server.call("GET", "/livez")[0] == 200
            time.sleep(0.05)
