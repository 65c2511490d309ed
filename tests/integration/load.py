"""Load for a real server by plain sockets and prepared bytes: every outcome is counted, and no request is sent twice."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse

from service.server.worker import AT_ONCE_BYTES

ROOM = {"DELIVERY_RISK_MAX_CONCURRENT": "8", "DELIVERY_RISK_THREADS": "12"}
"""A permit in each worker for each of eight clients, so that no request is shed."""


def orders(count: int) -> bytes:
    """A batch of this many valid orders, as JSON."""
    rows = [{"order_id": f"O-{n}", "route_disruption": n % 11, "backlog": 3, "weather_severity": 1} for n in range(count)]
    return json.dumps({"orders": rows}).encode()


def post(body: bytes, *headers: str) -> bytes:
    """A request to score this body."""
    lines = ["POST /score HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def for_a_thread(body: bytes) -> bytes:
    """The same JSON in more bytes than a worker answers without a thread."""
    return body + b" " * AT_ONCE_BYTES


def get(path: str, *headers: str) -> bytes:
    """A request for this path."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def connected(opened: ExitStack, port: int) -> socket.socket:
    """A socket with a connection that is closed when `opened` is."""
    return opened.enter_context(socket.create_connection(("127.0.0.1", port), 10))


class Connection:
    """A client's connection, opened when it is first needed and kept as long as the server keeps it."""

    def __init__(self, port: int, seconds: float = 30) -> None:
        self._port, self._seconds = port, seconds
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, HTTPMessage, bytes]:
        """Status, headers and body of the answer. Raises OSError or HTTPException if it is missing or incomplete."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = HTTPResponse(self._socket)
        try:
            self._socket.sendall(request)
            answer.begin()
            body = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        return answer.status, answer.headers, body

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class Outcomes:
    """The outcome of every request: answers by status, failures by their error, and the seconds of each 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return self.statuses.total() + self.failures.total()

    def ask(self, connection: Connection, request: bytes) -> bytes | None:
        """Send the request and count its outcome; the answer's body, if there is one."""
        begun = time.perf_counter()
        try:
            status, _, body = connection.ask(request)
        except (OSError, HTTPException) as error:
            self.failures[repr(error)] += 1
            return None
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(time.perf_counter() - begun)
        return body

    def share(self, part: float) -> float:
        """The seconds within which this part of the 200s came."""
        return sorted(self.seconds)[int(part * (len(self.seconds) - 1))]


class Load:
    """Clients in threads, each of which sends the request again and again while `going`, with a pause after each answer.

    A client uses one connection, or with `fresh` a new one for each request. `outcomes` waits for all of them.
    """

    def __init__(
        self, port: int, request: bytes, clients: int, going: Callable[[Outcomes], bool], fresh: bool = False, pause: float = 0
    ) -> None:
        self._each = [Outcomes() for _ in range(clients)]

        def run(mine: Outcomes) -> None:
            connection = Connection(port)
            while going(mine):
                mine.ask(connection, request)
                if fresh:
                    connection.close()
                if pause:
                    time.sleep(pause)
            connection.close()

        self._threads = [threading.Thread(target=run, args=(mine,), daemon=True) for mine in self._each]
        for thread in self._threads:
            thread.start()

    @property
    def sent(self) -> int:
        """The number of requests that have ended."""
        return sum(one.sent for one in self._each)

    def outcomes(self) -> Outcomes:
        for thread in self._threads:
            thread.join()
        found = Outcomes()
        for one in self._each:
            found.statuses += one.statuses
            found.failures += one.failures
            found.seconds += one.seconds
        return found
