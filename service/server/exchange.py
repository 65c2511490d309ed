"""Exchange: a plain request and its answer, which is made as a whole and sent at once.

gunicorn checks each header of an answer by itself, and sends its head and each piece of its body. Here an answer that has the
length its head declares is composed by one format. gunicorn composes all other answers.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gunicorn import SERVER, util
from gunicorn.http.wsgi import Response

from service.server.plain_request import PlainRequest

if TYPE_CHECKING:
    from service.server.connections import ConnectionWorker

_STATUS = re.compile(r"[2-5][0-9]{2}(?: [ -~]*)?")
_OTHER = (
    rf"(?!(?i:content-length|{'|'.join(sorted(util.hop_headers))}):)"  # names that frame the answer
    r"[A-Za-z0-9-]+: (?![ \t])[\t -~\x80-\xff]+(?<![ \t])\r\n"
)
_HEADERS = re.compile(rf"(?:{_OTHER})*Content-Length: ([0-9]+)\r\n(?:{_OTHER})*")
_WITHOUT_BODY = ("204", "304")
_http_date = lru_cache(maxsize=1)(util.http_date)


class Exchange:
    """What a worker does for one request. `keep` is whether the connection is kept for the next one.

    `unsent` is the rest of an answer that the client has not taken yet. `status` and `headers` are those of the answer, for
    hooks of gunicorn.
    """

    def __init__(self, worker: "ConnectionWorker", request: PlainRequest) -> None:
        self.keep = False
        self.unsent = b""
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self._worker = worker
        self._request = request
        self._written: list[bytes] = []
        self._answer: Iterable[bytes] = ()

    def answer(self) -> bytes:
        """The application's answer, from its first to its last byte. Call `end` once it is sent, and where this fails."""
        self._worker.pre_request(self._worker, self._request)
        self._answer = self._worker.wsgi(self._request.environ, self._start)
        body = b"".join([*self._written, *self._answer])
        self.keep = self._worker.counted() and not self._request.should_close()
        head = self._head(len(body))
        return self._by_gunicorn(body) if head is None else head + body

    def send(self, sock: socket.socket) -> None:
        """Send what the kernel takes of the answer without waiting."""
        answer = self.answer()
        try:
            self.unsent = answer[sock.send(answer, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            self.unsent = answer

    def send_rest(self, sock: socket.socket) -> bool:
        """Send the rest of the answer, in a thread; whether to keep the connection."""
        sock.setblocking(True)
        try:
            sock.sendall(self.unsent)
        except OSError:
            return False
        finally:
            self.end()
        return self.keep

    def end(self) -> None:
        """The answer is sent, or never will be."""
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
            self._worker.post_request(self._worker, self._request, self._request.environ, self)
        except Exception:
            self._worker.log.exception("Exception in post_request hook")

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
        if self.status and not exc_info:
            raise AssertionError("the answer has begun already")
        self.status, self.headers = status, headers
        return self._written.append

    def _head(self, length: int) -> bytes | None:
        """The head of an answer whose body has this length; None if it is for gunicorn to compose."""
        if not _STATUS.fullmatch(self.status) or self.status[:3] in _WITHOUT_BODY:
            return None
        lines = "\r\n".join([*map(": ".join, self.headers), ""])
        declared = _HEADERS.fullmatch(lines)
        if declared is None or declared[1] != str(length) or lines.count("\n") != len(self.headers):
            return None
        date, connection = _http_date(int(time.time())), "keep-alive" if self.keep else "close"
        head = f"HTTP/1.1 {self.status}\r\nServer: {SERVER}\r\nDate: {date}\r\nConnection: {connection}\r\n{lines}\r\n"
        return head.encode("latin-1")

    def _by_gunicorn(self, body: bytes) -> bytes:
        sent = _Sent()
        response = Response(self._request, sent, self._worker.cfg)
        if not self.keep:
            response.force_close()
        response.start_response(self.status, self.headers)
        response.write(body)
        response.close()
        self.keep = not response.should_close()
        return bytes(sent)


class _Sent(bytearray):
    """What gunicorn takes for a socket."""

    def sendall(self, data: bytes) -> None:
        self.extend(data)
