"""A light HTTP client: it sends bytes that are made beforehand and reads no more of an answer than status and body."""

import random
import re
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.integration.load import Outcomes, connected

_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\nAccept: */*\r\nContent-Length: {length}\r\n{headers}"
)
JSON = {"Content-Type": "application/json"}
_DIFFERENT = b"X-Request-ID: %032x\r\ntraceparent: 00-%032x-%016x-01\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def requests(path: str, body: bytes, headers: Mapping[str, str] = JSON, *, differ: bool) -> Iterator[bytes]:
    """Requests with this body, without end. Where they differ, each has its own request id and trace; else the first one's."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head, draw = _HEAD.format(path=path, length=len(body), headers=lines).encode(), random.Random()
    number = draw.getrandbits(128)
    while True:
        yield head + _DIFFERENT % (number, number, number & (2**64 - 1)) + body
        if differ:
            number = draw.getrandbits(128)


def parsed(received: bytes | bytearray) -> tuple[int, bytes] | None:
    """Status and body of an answer, or None while it is incomplete. Raises ValueError if its head states no length."""
    if (end := received.find(b"\r\n\r\n")) < 0:
        return None
    if (length := _LENGTH.search(received, 0, end + 2)) is None:
        raise ValueError("the answer states no Content-Length")
    body = bytes(received[end + 4 :])
    return (int(received[9:12]), body) if len(body) >= int(length[1]) else None


@dataclass
class Exchange:
    """A connection, when its last request was sent, and what has come of the answer."""

    connection: socket.socket
    sent: float = 0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.sent = time.perf_counter()
        self.connection.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """The answer, if it is complete after one read. Raises ConnectionError if the server closed the connection."""
        if not (data := self.connection.recv(2**18)):
            raise ConnectionResetError("the server closed the connection")
        self.received += data
        return parsed(self.received)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send the request and wait for status and body."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        return answer


def opened(stack: ExitStack, port: int) -> Exchange:
    """A new connection, closed when the stack is."""
    connection = connected(stack, port)
    connection.settimeout(60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Exchange(connection)


def load(port: int, given: Iterator[bytes], connections: int, seconds: float) -> Outcomes:
    """The outcomes of so many connections, each of which sends its next request when the last one is answered."""
    found, end = Outcomes(), time.perf_counter() + seconds
    with ExitStack() as stack, selectors.DefaultSelector() as selector:

        def begin() -> None:
            exchange = opened(stack, port)
            selector.register(exchange.connection, selectors.EVENT_READ, exchange)
            exchange.send(next(given))

        for _ in range(connections):
            begin()
        while selector.get_map():
            if not (ready := selector.select(60)):
                raise TimeoutError(f"port {port} does not answer")
            for key, _ in ready:
                exchange: Exchange = key.data
                try:
                    if (answer := exchange.receive()) is None:
                        continue
                    now = time.perf_counter()
                    found.statuses[answer[0]] += 1
                    if answer[0] == 200:
                        found.seconds.append(now - exchange.sent)
                    if now < end:
                        exchange.send(next(given))
                        continue
                except ConnectionError as error:
                    found.failures[repr(error)] += 1
                    if time.perf_counter() < end:
                        begin()
                selector.unregister(exchange.connection)
    return found
