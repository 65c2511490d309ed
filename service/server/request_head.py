"""Request head: whether the first line and the headers of a request have arrived, so that no thread waits for them.

The bytes stay in the socket, where gunicorn's parser finds them. A socket with a part of a head becomes readable again once it
has more bytes (SO_RCVLOWAT) or its client has ended the connection.
"""

import re
import socket
import ssl
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders

MOST_BYTES = 64 * 1024
"""Bytes that a head may have. nginx permits 32 KiB."""

_ESTABLISHED = 1  # TCP_ESTABLISHED of the kernel, in the first byte of TCP_INFO
_END = b"\r\n\r\n"
_VERSION = re.compile(rb" HTTP/\d\.\d\Z")


def unfinished(conn: Any, before: int) -> int | None:
    """The number of unread bytes on a connection whose head is not complete; None once a thread need not wait for it.

    `before` is what the last call gave, 0 at first. On a Unix socket and in TLS the first byte is enough, and a thread may wait
    for the others. Raises gunicorn's LimitRequestHeaders where the head is too large.
    """
    sock: socket.socket = conn.sock
    if isinstance(sock, ssl.SSLSocket):  # after its first request; it cannot be peeked into
        return None
    try:
        unread = sock.recv(MOST_BYTES + 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        no_more = len(unread) <= before
        has_ended = unread == b"" or (no_more and sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED)
    except BlockingIOError:
        unread, no_more, has_ended = b"", False, False
    except OSError:
        return None  # the thread finds it too
    head = unread if conn.parser is None else conn.parser.unreader.buf.getvalue() + unread
    complete = has_ended or _END in head or _is_opaque(conn, head) or _is_rejected(head, conn.cfg.limit_request_line)
    too_large = not complete and (no_more or len(head) > MOST_BYTES)  # the kernel wakes before it has more if it has no room
    wake_at = 1 if complete or too_large else len(unread) + 1
    if wake_at > 1 or before:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wake_at)
    if too_large:
        raise LimitRequestHeaders("the head is too large")
    return None if complete else len(unread)


def _is_opaque(conn: Any, head: bytes) -> bool:
    return head != b"" and (conn.cfg.is_ssl or conn.sock.family == socket.AF_UNIX)


def _is_rejected(head: bytes, longest_line: int) -> bool:
    """Whether gunicorn rejects an incomplete head at once."""
    line, ended, _ = head.removeprefix(b"\r\n").partition(b"\r\n")
    bare_line_feed = head.count(b"\n") != head.count(b"\r\n")
    return bare_line_feed or (_VERSION.search(line) is None if ended else len(line) - 2 > longest_line)
