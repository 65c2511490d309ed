"""Probes of framing: requests whose end can be read in more ways than one, or that end too early. No server may accept one.

The table serves any server: the service itself, or a proxy in front of it. A proxy that reads whole bodies may mend the
framing of some, which are marked.
"""

import socket
import time
from dataclasses import dataclass

ORDER = b'{"orders": [{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}]}'
SMUGGLED = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(ORDER),
    ORDER,
)
LENGTH = b"Content-Length: %d" % len(ORDER)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ORDER), ORDER)


@dataclass(frozen=True)
class Probe:
    """Bytes to be sent as they are, and the sending end closed after them where it is `half_closed`.

    `answers` are the statuses of which the first answer must have one. Of those that are `mended` a proxy may make a sound
    request.
    """

    name: str
    request: bytes
    answers: tuple[int, ...] = (400,)
    half_closed: bool = False
    mended: bool = False


def _post(*headers: bytes, body: bytes = ORDER, end: bytes = b"\r\n", version: bytes = b"HTTP/1.1") -> bytes:
    lines = [b"POST /score " + version, b"Host: x", b"Content-Type: application/json", *headers]
    return b"".join(line + end for line in lines) + end + body


def _length(value: bytes, body: bytes = ORDER) -> bytes:
    return _post(b"Content-Length: " + value, body=body)


PROBES = (
    Probe("two lengths that differ", _post(b"Content-Length: 5", LENGTH)),
    Probe("two lengths that agree", _post(LENGTH, LENGTH)),
    Probe("a list of lengths", _length(b"%d, %d" % (len(ORDER), len(ORDER)))),
    Probe("a length and chunks", _post(LENGTH, CHUNKED, body=CHUNKS)),
    Probe("chunks and a length of nothing, a request behind", _post(CHUNKED, b"Content-Length: 0", body=CHUNKS + SMUGGLED)),
    Probe("chunks", _post(CHUNKED, body=CHUNKS), (411,), mended=True),
    Probe("chunks twice", _post(CHUNKED, CHUNKED, body=CHUNKS)),
    Probe("chunks that are not the last coding", _post(b"Transfer-Encoding: chunked, identity", body=CHUNKS), (400, 501)),
    Probe("chunks by another name", _post(b"Transfer-Encoding: xchunked", LENGTH), (501,)),
    Probe("chunks behind a control character", _post(b"Transfer-Encoding: \x0bchunked", LENGTH), (400, 501)),
    Probe("chunks in HTTP/1.0", _post(CHUNKED, body=CHUNKS, version=b"HTTP/1.0"), (400, 411), mended=True),
    Probe("a chunk's size that is no number", _post(CHUNKED, body=b"5g\r\nhello\r\n0\r\n\r\n"), (400, 411)),
    Probe("a chunk's size below nothing", _post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n" + SMUGGLED), (400, 411)),
    Probe("a chunk larger than its size", _post(CHUNKED, body=b"5\r\n" + ORDER + b"\r\n0\r\n\r\n"), (400, 411)),
    Probe("chunks without an end", _post(CHUNKED, body=CHUNKS[:-7]), (400, 411), half_closed=True),
    Probe("neither length nor chunks", _post(body=b""), (400, 411)),
    Probe("a body shorter than its length", _post(LENGTH, body=ORDER[:-1]), half_closed=True),
    Probe("a body shorter than its length, yet whole", _length(b"%d" % (len(ORDER) + 1)), half_closed=True),
    Probe("no body at all", _post(LENGTH, body=b""), half_closed=True),
    Probe("a length below nothing", _length(b"-%d" % len(ORDER))),
    Probe("a length with a plus", _length(b"+%d" % len(ORDER))),
    Probe("a length in hexadecimal", _length(b"0x%x" % len(ORDER))),
    Probe("a length with a space in it", _length(b"9 5")),
    Probe("a length with an underscore", _length(b"9_5")),
    Probe("a length with a point", _length(b"%d.0" % len(ORDER))),
    Probe("a length that is empty", _length(b""), (400, 411)),
    Probe("a length of twenty digits", _length(b"99999999999999999999", SMUGGLED), (400, 413)),
    Probe("a length over the limit, a request in the body", _length(b"99999999", SMUGGLED), (413,)),
    Probe("a space in front of the colon", _post(b"Content-Length : %d" % len(ORDER))),
    Probe("a space in a header's name", _post(b"Content Length: 5", LENGTH)),
    Probe("a header without a name", _post(b": 5", LENGTH)),
    Probe("a header over two lines", _post(LENGTH, b"X-Folded: a\r\n b")),
    Probe("a length over two lines", _post(b"Content-Length:\r\n %d" % len(ORDER))),
    Probe("bare line feeds", _post(LENGTH, end=b"\n")),
    Probe("a bare line feed in a header", _post(b"X-One: a\nX-Two: b", LENGTH)),
    Probe("a bare carriage return in a header", _post(b"X-One: a\rContent-Length: 5", LENGTH)),
    Probe("a zero byte in a header", _post(b"X-One: a\0b", LENGTH)),
    Probe("a header of 20,000 bytes", _post(b"X-One: " + b"a" * 20_000, LENGTH), (400, 431)),
    Probe("a thousand headers", _post(*(b"X-%d: a" % n for n in range(1000)), LENGTH), (400, 431)),
    Probe("a path of 20,000 bytes", _post(LENGTH).replace(b"/score", b"/" + b"a" * 20_000), (400, 414)),
    Probe("two hosts", _post(b"Host: y", LENGTH)),
    Probe("HTTP/0.9", b"GET /livez\r\n"),
    Probe("HTTP/2.0", _post(LENGTH, version=b"HTTP/2.0"), (400, 505)),
    Probe("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
)


@dataclass(frozen=True)
class Answer:
    """The statuses of all answers on the connection, how long the last one took, and whether the server closed."""

    statuses: tuple[int, ...]
    seconds: float
    closed: bool


def send(port: int, probe: Probe, patience: float = 10.0, quiet: float = 0.15) -> Answer:
    """Send the probe and read until the server closes, or keeps quiet for so long after an answer."""
    with socket.create_connection(("127.0.0.1", port), patience) as connection:
        begun = time.monotonic()
        connection.sendall(probe.request)
        if probe.half_closed:
            connection.shutdown(socket.SHUT_WR)
        received, closed, seconds = b"", False, 0.0
        while not closed:
            connection.settimeout(quiet if _statuses(received) else patience)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                break
            except ConnectionResetError:
                data = b""
            received, closed, seconds = received + data, not data, time.monotonic() - begun
    return Answer(_statuses(received), seconds, closed)


def _statuses(received: bytes) -> tuple[int, ...]:
    return tuple(int(part[:3]) for part in received.replace(b"HTTP/1.0 ", b"HTTP/1.1 ").split(b"HTTP/1.1 ")[1:])
