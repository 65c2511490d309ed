"""Requests whose framing is wrong, as raw bytes, with the statuses that may become of them behind nginx."""

import socket

from tests.deploy.hostile import BODY, head

WHOLE = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
_CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
_SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"

PROBES: dict[str, tuple[bytes, set[int]]] = {
    "two lengths": (head(f"Content-Length: {len(BODY) - 9}", WHOLE) + BODY, {400}),
    "the same length twice": (head(WHOLE, WHOLE) + BODY, {400}),
    "a list of lengths": (head(f"{WHOLE}, {len(BODY)}") + BODY, {400}),
    "length and chunked": (head(WHOLE, CHUNKED) + _CHUNK + b"0\r\n\r\n", {400}),
    "chunked and a length of nothing": (head("Content-Length: 0", CHUNKED) + b"0\r\n\r\n" + _SMUGGLED, {400}),
    "chunked twice": (head(CHUNKED, CHUNKED) + _CHUNK + b"0\r\n\r\n", {400}),
    "chunked within another coding": (head("Transfer-Encoding: gzip, chunked") + _CHUNK + b"0\r\n\r\n", {400}),
    "chunked spelt with a tab": (head("Transfer-Encoding: \x0bchunked") + _CHUNK + b"0\r\n\r\n", {400}),
    "an unknown coding": (head("Transfer-Encoding: cow") + BODY, {400}),
    "chunked in HTTP/1.0": (head(CHUNKED, version="1.0") + _CHUNK + b"0\r\n\r\n", {400}),
    "a length with a sign": (head(f"Content-Length: +{len(BODY)}") + BODY, {400}),
    "a length below nothing": (head("Content-Length: -1") + BODY, {400}),
    "a length in hexadecimal": (head(f"Content-Length: {len(BODY):#x}") + BODY, {400}),
    "a length that no integer holds": (head(f"Content-Length: {'9' * 40}") + BODY, {400}),
    "an empty length": (head("Content-Length:") + BODY, {400}),
    "a length folded over two lines": (head(f"Content-Length:\r\n {len(BODY)}") + BODY, {400}),
    "a space before the colon": (head(f"Content-Length : {len(BODY)}") + BODY, {400}),
    "a bare carriage return": (head(f"X-A: 1\r{WHOLE}") + BODY, {400}),
    "a NUL in a header": (head(WHOLE, "X-A: \0") + BODY, {400}),
    "no host": (head(WHOLE).replace(b"Host: localhost\r\n", b"") + BODY, {400}),
    "two hosts": (head(WHOLE, "Host: elsewhere") + BODY, {400}),
    "no length": (head() + BODY, {411}),
    "a body shorter than its length": (head(f"Content-Length: {len(BODY) + 1}") + BODY, {400}),
    "a body shorter than its length, of one who waits": (head(f"Content-Length: {len(BODY) + 1}") + BODY, {408}),
    "a body longer than its length": (head(f"Content-Length: {len(BODY) - 9}") + BODY, {400}),
    "chunks without an end": (head(CHUNKED) + _CHUNK, {400}),
    "chunks without an end, of one who waits": (head(CHUNKED) + _CHUNK, {408}),
    "a chunk shorter than its size": (head(CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY) + 9, BODY), {400}),
    "a chunk longer than its size": (head(CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY) - 9, BODY), {400}),
    "a chunk's size that is no number": (head(CHUNKED) + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n", {400}),
    "a chunk's size with a sign": (head(CHUNKED) + b"-5\r\n" + BODY + b"\r\n0\r\n\r\n", {400}),
    "a chunk's size that no integer holds": (head(CHUNKED) + b"f" * 40 + b"\r\n" + BODY + b"\r\n0\r\n\r\n", {400}),
}
"""By name: what is sent, and what may be answered; where nginx ends the connection without an answer, what it logs."""

WAITING = {name for name in PROBES if name.endswith("of one who waits")}
"""Those that keep their sending half open; the others close it behind their bytes."""

TAKEN: dict[str, bytes] = {
    "bare line feeds": head(WHOLE).replace(b"\r\n", b"\n") + BODY,
    "bare line feeds around chunks": head(CHUNKED) + (_CHUNK + b"0\r\n\r\n").replace(b"\r\n", b"\n"),
    "chunks with an extension": head(CHUNKED) + _CHUNK.replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\n\r\n",
    "chunks of one byte": head(CHUNKED) + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
}
"""What nginx reads as the standard lets it (RFC 9112, 2.2), and sends on as a sound request with a length."""


def answers(port: int, raw: bytes, address: str, *, waits: bool) -> bytes:
    """All that comes back for these bytes from this address, until the other side has closed the connection."""
    with socket.socket() as connection:
        connection.bind((address, 0))
        connection.settimeout(20)
        connection.connect(("127.0.0.1", port))
        connection.sendall(raw)
        if not waits:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received
