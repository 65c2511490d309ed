"""Requests whose end can be read in more than one way, that end too early, or that are not valid HTTP.

One table for the service alone and behind nginx. Only a request with a clear end may get 200, and is then scored once; nginx
reads complete bodies and makes valid requests of a few that the service alone rejects.
"""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

ORDER = b'{"orders": [{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}]}'
LENGTH = b"Content-Length: %d" % len(ORDER)
SMUGGLED = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%b\r\n\r\n%b" % (LENGTH, ORDER)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNK = b"%x\r\n%b\r\n" % (len(ORDER), ORDER)
CHUNKS = CHUNK + b"0\r\n\r\n"
PATIENCE = 20.0
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Probe:
    """Bytes to send as they are, after which a `half_closed` probe closes its sending end, and one that `waits` does not.

    The first answer has one of the statuses `alone` from the service, and `behind` from nginx in front of it. nginx closes some
    connections without an answer and logs the status instead; HTTP/0.9 has no status.
    """

    name: str
    request: bytes
    alone: tuple[int, ...] = (400,)
    behind: tuple[int, ...] = (400,)
    half_closed: bool = False
    waits: bool = False


def _post(*headers: bytes, body: bytes = ORDER, end: bytes = b"\r\n", version: bytes = b"HTTP/1.1") -> bytes:
    lines = [b"POST /score " + version, b"Host: x", b"Content-Type: application/json", *headers]
    return b"".join(line + end for line in lines) + end + body


def _length(value: bytes, body: bytes = ORDER) -> bytes:
    return _post(b"Content-Length: " + value, body=body)


def _chunks(body: bytes) -> bytes:
    return _post(CHUNKED, body=body)


PROBES = (
    Probe("two lengths that differ", _post(b"Content-Length: 5", LENGTH)),
    Probe("two lengths that differ, the longer first", _post(LENGTH, b"Content-Length: 5")),
    Probe("two lengths that agree", _post(LENGTH, LENGTH)),
    Probe("a list of lengths", _length(b"%d, %d" % (len(ORDER), len(ORDER)))),
    Probe("a length and chunks", _post(LENGTH, CHUNKED, body=CHUNKS)),
    Probe("chunks and a length of nothing, a request behind", _post(CHUNKED, b"Content-Length: 0", body=CHUNKS + SMUGGLED)),
    Probe("a length of nothing, no chunk, a request behind", _post(b"Content-Length: 0", CHUNKED, body=b"0\r\n\r\n" + SCRAPE)),
    Probe("chunks", _chunks(CHUNKS), (411,), (200,)),
    Probe("chunks of one byte", _chunks(b"".join(b"1\r\n%c\r\n" % byte for byte in ORDER) + b"0\r\n\r\n"), (411,), (200,)),
    Probe("chunks with an extension", _chunks(CHUNKS.replace(b"\r\n", b";a=b\r\n", 1)), (411,), (200,)),
    Probe("chunks between bare line feeds", _chunks(CHUNKS.replace(b"\r\n", b"\n")), (411,), (200,)),
    Probe("chunks twice", _post(CHUNKED, CHUNKED, body=CHUNKS)),
    Probe("chunks that are not the last coding", _post(b"Transfer-Encoding: chunked, identity", body=CHUNKS), (400, 501)),
    Probe("chunks of another coding", _post(b"Transfer-Encoding: gzip, chunked", body=CHUNKS), (411,)),
    Probe("chunks by another name", _post(b"Transfer-Encoding: xchunked", LENGTH), (501,)),
    Probe("an unknown coding", _post(b"Transfer-Encoding: cow"), (501,)),
    Probe("chunks behind a control character", _post(b"Transfer-Encoding: \x0bchunked", LENGTH), (400, 501)),
    Probe("chunks behind a control character, no length", _post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS)),
    Probe("chunks in HTTP/1.0", _post(CHUNKED, body=CHUNKS, version=b"HTTP/1.0"), (400, 411)),
    Probe("a chunk's size that is no number", _chunks(b"zz\r\n" + ORDER + b"\r\n0\r\n\r\n"), (411,)),
    Probe("a chunk's size that begins as a number", _chunks(b"5g\r\nhello\r\n0\r\n\r\n"), (400, 411)),
    Probe("a chunk's size below nothing", _chunks(b"-5\r\nhello\r\n0\r\n\r\n" + SMUGGLED), (400, 411)),
    Probe("a chunk's size that no integer holds", _chunks(b"f" * 40 + b"\r\n" + ORDER + b"\r\n0\r\n\r\n"), (411,)),
    Probe("a chunk larger than its size", _chunks(b"5\r\n" + ORDER + b"\r\n0\r\n\r\n"), (400, 411)),
    Probe("a chunk below its size", _chunks(b"%x\r\n%b\r\n0\r\n\r\n" % (len(ORDER) + 9, ORDER)), (411,), half_closed=True),
    Probe("chunks without an end", _chunks(CHUNK), (411,), half_closed=True),
    Probe("chunks without an end, a client that waits", _chunks(CHUNK), (411,), (408,), waits=True),
    Probe("a chunk without an end", _chunks(CHUNK[:-2]), (400, 411), half_closed=True),
    Probe("neither length nor chunks", _post(body=b""), (400, 411), (411,)),
    Probe("neither length nor chunks, and a body", _post(), (411,), (411,)),
    Probe("a body shorter than its length", _post(LENGTH, body=ORDER[:-1]), half_closed=True),
    Probe("a body shorter than its length, yet complete", _length(b"%d" % (len(ORDER) + 1)), half_closed=True),
    Probe("a body shorter than its length, a client that waits", _length(b"%d" % (len(ORDER) + 1)), (408,), (408,), waits=True),
    Probe("a body longer than its length", _length(b"%d" % (len(ORDER) - 9))),
    Probe("no body at all", _post(LENGTH, body=b""), half_closed=True),
    Probe("a length below nothing", _length(b"-%d" % len(ORDER))),
    Probe("a length with a plus", _length(b"+%d" % len(ORDER))),
    Probe("a length in hexadecimal", _length(b"0x%x" % len(ORDER))),
    Probe("a length with a space in it", _length(b"9 5")),
    Probe("a length with an underscore", _length(b"9_5")),
    Probe("a length with a point", _length(b"%d.0" % len(ORDER))),
    Probe("a length that is empty", _length(b""), (400, 411)),
    Probe("a length of twenty digits", _length(b"99999999999999999999", SMUGGLED), (400, 413)),
    Probe("a length of forty digits", _length(b"9" * 40), (413,)),
    Probe("a length over the limit, a request in the body", _length(b"99999999", SMUGGLED), (413,), (413,)),
    Probe("a space in front of the colon", _post(b"Content-Length : %d" % len(ORDER))),
    Probe("a space in a header's name", _post(b"Content Length: 5", LENGTH)),
    Probe("a header without a name", _post(b": 5", LENGTH)),
    Probe("a header over two lines", _post(LENGTH, b"X-Folded: a\r\n b")),
    Probe("a length over two lines", _post(b"Content-Length:\r\n %d" % len(ORDER))),
    Probe("bare line feeds", _post(LENGTH, end=b"\n"), behind=(200,)),
    Probe("a bare line feed in a header", _post(b"X-One: a\nX-Two: b", LENGTH), behind=(200,)),
    Probe("a bare carriage return in a header", _post(b"X-One: a\rContent-Length: 5", LENGTH)),
    Probe("a length behind a bare carriage return", _post(b"X-One: a\r" + LENGTH)),
    Probe("a zero byte in a header", _post(b"X-One: a\0b", LENGTH)),
    Probe("a header of 20,000 bytes", _post(b"X-One: " + b"a" * 20_000, LENGTH), (400, 431), (431,)),
    Probe("a thousand headers", _post(*(b"X-%d: a" % n for n in range(1000)), LENGTH), (400, 431), (431,)),
    Probe("a path of 20,000 bytes", _post(LENGTH).replace(b"/score", b"/" + b"a" * 20_000), (400, 414), (414,)),
    Probe("no host", _post(LENGTH).replace(b"Host: x\r\n", b""), (200,)),
    Probe("two hosts", _post(b"Host: y", LENGTH)),
    Probe("HTTP/0.9", b"GET /livez\r\n", behind=()),
    Probe("HTTP/2.0", _post(LENGTH, version=b"HTTP/2.0"), (400, 505), (505,)),
    Probe("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
)


@dataclass(frozen=True)
class Answer:
    """The bytes received, the seconds until the last of them, and whether the server closed the connection."""

    received: bytes
    seconds: float
    closed: bool

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses of all answers on the connection."""
        return tuple(map(int, re.findall(rb"HTTP/1\.[01] (\d{3})", self.received)))

    @property
    def body(self) -> bytes:
        """Everything after the first head."""
        return self.received.partition(b"\r\n\r\n")[2]


def send(port: int, request: bytes, address: str = "127.0.0.1", *, half_closed: bool = False, quiet: float = 0.15) -> Answer:
    """Send these bytes and read until the server closes, or is quiet for this many seconds after an answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE, (address, 0)) as connection:
        begun = time.monotonic()
        with suppress(OSError):  # the server may close before all of it is sent
            connection.sendall(request)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        answer = Answer(b"", 0.0, closed=False)
        while not answer.closed:
            connection.settimeout(quiet if answer.statuses else PATIENCE)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                break
            except ConnectionResetError:
                data = b""
            answer = Answer(answer.received + data, time.monotonic() - begun, closed=not data)
    return answer


def exchange(port: int, request: bytes, address: str = "127.0.0.1", *, half_closed: bool = True) -> Answer:
    """Send these bytes and read until the server closes."""
    answer = send(port, request, address, half_closed=half_closed, quiet=PATIENCE)
    assert answer.closed
    return answer
