"""Plain request: the head of most requests, read in a tenth of the time that gunicorn's parser takes.

A head is plain if all parsers read it in the same way: GET or POST, a path without escapes, HTTP/1.1, names of letters, digits
and hyphens, each once, values of printable ASCII without a blank at the end, and a body of a Content-Length or none. gunicorn's
parser accepts every such head and makes the same of it. It reads all other heads, and rejects those that are not valid.
"""

import re
import socket
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gunicorn.config import Config
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import base_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LONGEST = 4094
"""Bytes that a plain head may have. gunicorn permits as many for the first line alone."""

MOST_DISCARDED = 64 * 1024
"""gunicorn reads less than this of a body that nobody wanted, and closes the connection where there is more."""

_END = b"\r\n\r\n"
_LINE = re.compile(r'(GET|POST) ((/(?!/)[!"$&->@-~]*)(?:\?([!"$-~]*))?) HTTP/1\.1\r\n')  # a path without #, % and ?
_FIELD = re.compile(r"^([A-Za-z0-9-]+):[ \t]*([\t -~]*)(?<![ \t])\r\n", re.MULTILINE)
_LENGTH = re.compile(r"[0-9]{1,15}")

_COMMON = (
    *("Host", "User-Agent", "Accept", "Accept-Encoding", "Connection", "Authorization", "X-Request-ID", "Traceparent"),
    *("X-Forwarded-For", "X-Forwarded-Proto", "Content-Encoding", "Content-Type", "Content-Length"),
)


def _key(name: str) -> str:
    """The name of a header in the environ."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class _Keys(dict[str, str]):
    """The names of headers in the environ. Those that are not in it are not kept: there is no end of them."""

    def __missing__(self, name: str) -> str:
        return _key(name)


_KEYS = _Keys({name: _key(name) for common in _COMMON for name in (common, common.lower())})
_NOT_PLAIN = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"})


class PlainRequest(Request):  # type: ignore[misc]
    """A request with a plain head, as gunicorn's parser makes it. `environ` is for the application.

    `is_complete` is whether its body had arrived when it was read, and nothing after it.
    """

    version = (1, 1)
    fragment = ""
    proxy_protocol_info = None
    _expected_100_continue = False

    def __init__(self, parser: "PlainParser", environ: "WSGIEnvironment", number: int, *, is_complete: bool) -> None:
        self.environ, self.is_complete = environ, is_complete
        self.cfg, self.unreader = parser.cfg, parser.unreader
        self.peer_addr, self.req_number = parser.source_addr, number
        self.method, self.path, self.body = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["wsgi.input"]
        self.scheme = environ["wsgi.url_scheme"]
        self.must_close = "HTTP_CONNECTION" in environ and environ["HTTP_CONNECTION"].lower() == "close"

    def should_close(self) -> bool:
        """Whether the connection is closed after the answer: the client wants it, or much of the body has not been read."""
        unread = 0 if self.is_complete else self.body.reader.length
        closes: bool = self.must_close or unread >= MOST_DISCARDED
        return closes

    def __getattr__(self, name: str) -> Any:
        """What only a hook of someone else may look at."""
        environ = self.environ
        keys = [key for key in environ if key.startswith(("HTTP_", "CONTENT_"))]
        rest = {
            "headers": [(key.removeprefix("HTTP_").replace("_", "-"), environ[key]) for key in keys],
            "trailers": [],
            "uri": environ["RAW_URI"],
            "query": environ["QUERY_STRING"],
            "remote_addr": self.peer_addr,
        }
        if name not in rest:
            raise AttributeError(name)
        return rest[name]


class PlainParser(RequestParser):  # type: ignore[misc]
    """gunicorn's parser for one connection, which reads plain heads by itself. Its client is `trusted` to name a scheme.

    `kept` is a request that is read and will be its next one.
    """

    def __init__(self, cfg: Config, connection: Any, *, trusted: bool) -> None:
        super().__init__(cfg, connection.sock, connection.client)
        self.kept: PlainRequest | None = None
        client, server = connection.client, connection.server
        self._most_fields = cfg.limit_request_fields if cfg.limit_request_fields > 0 else LONGEST
        self._schemes = {_key(name): value for name, value in cfg.secure_scheme_headers.items()} if trusted else {}
        self._is_unix = connection.sock.family == socket.AF_UNIX
        self._environ: WSGIEnvironment = base_environ(cfg) | {
            "gunicorn.socket": connection.sock,
            "wsgi.multithread": True,
            "wsgi.url_scheme": "http",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
        }
        if self._is_unix:
            self._environ |= {"REMOTE_ADDR": "", "SERVER_NAME": server, "SERVER_PORT": ""}
        else:
            self._environ |= {"REMOTE_ADDR": client[0], "REMOTE_PORT": str(client[1])}
            self._environ |= {"SERVER_NAME": server[0], "SERVER_PORT": str(server[1])}

    @staticmethod
    def reads(cfg: Config, connection: Any) -> bool:
        """Whether heads on this connection may be plain: without TLS, and where gunicorn's limits are no lower."""
        lower = any(0 < limit < LONGEST for limit in (cfg.limit_request_line, cfg.limit_request_field_size))
        named = connection.sock.family == socket.AF_UNIX and bool(connection.client or ":" in connection.server)
        return not (cfg.is_ssl or cfg.proxy_protocol != "off" or lower or named)

    def mesg_class(self, cfg: Config, unreader: Any, source_addr: Any, number: int) -> Request:
        """The next request on the connection."""
        kept, self.kept = self.kept, None
        if kept is not None:
            return kept
        data = unreader.take_buffered() or unreader.chunk()
        request = self.read(data, number)
        if request is None:
            unreader.unread(data)
            return Request(cfg, unreader, source_addr, number)
        return request

    def read(self, data: bytes, number: int) -> PlainRequest | None:
        """The plain request at the beginning of the data, which is taken; None, and nothing is taken, for any other."""
        environ = self._plain(data)
        if environ is None:
            return None
        received, length = data[data.index(_END) + 4 :], int(environ.get("CONTENT_LENGTH", 0))
        is_complete = len(received) == length
        if is_complete:
            environ["wsgi.input"] = BytesIO(received)
        else:
            self.unreader.unread(received)
            environ["wsgi.input"] = _WholeBody(LengthReader(self.unreader, length))
        return PlainRequest(self, environ, number, is_complete=is_complete)

    def has_head(self) -> bool:
        """Whether the head of the next request is read, so that no thread has to wait for it."""
        return self.kept is not None or _END in self.unreader.buf.getvalue()

    def _plain(self, data: bytes) -> "WSGIEnvironment | None":
        """The environ of the request at the beginning of the data, without its input; None if its head is not plain."""
        head = data[: data.find(_END, 0, LONGEST) + 2].decode("latin-1")
        line = _LINE.match(head)
        if line is None:
            return None
        fields = _FIELD.findall(head, line.end())
        if len(fields) + 1 != head.count("\n") or len(fields) > self._most_fields:
            return None
        environ = self._environ.copy()
        given = len(environ)
        for name, value in fields:
            environ[_KEYS[name]] = value
        if (
            len(environ) != given + len(fields)
            or not environ.keys().isdisjoint(_NOT_PLAIN)
            or not _LENGTH.fullmatch(environ.get("CONTENT_LENGTH", "0"))
        ):
            return None
        if not environ.keys().isdisjoint(self._schemes):
            schemes = [environ[key] == value for key, value in self._schemes.items() if key in environ]
            if len(schemes) > 1:
                return None
            environ["wsgi.url_scheme"] = "https" if schemes[0] else "http"
        environ["REQUEST_METHOD"], environ["RAW_URI"], environ["PATH_INFO"], query = line.groups()
        environ["QUERY_STRING"] = query or ""
        if self._is_unix and environ.get("HTTP_HOST"):
            environ["SERVER_NAME"], environ["SERVER_PORT"] = (*environ["HTTP_HOST"].split(":"), "80")[:2]
        return environ


class _WholeBody(Body):  # type: ignore[misc]
    """A body of known length. Read as a whole, it is received in one piece."""

    def read(self, size: int | None = None) -> bytes:
        """At most `size` bytes, all by default."""
        missing = self.reader.length
        if size is None or size < missing or self.buf.tell():
            rest: bytes = super().read(size)
            return rest
        buffered = self.reader.unreader.take_buffered()
        self.reader.unreader.unread(buffered[missing:])
        pieces = [buffered[:missing]]
        missing -= len(pieces[0])
        try:
            while missing and (piece := self.reader.unreader.sock.recv(missing, socket.MSG_WAITALL)):
                pieces.append(piece)
                missing -= len(piece)
        except Exception:
            self.failed = True
            raise
        self.reader.length = missing
        return b"".join(pieces)
