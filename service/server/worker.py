"""Worker: gunicorn's worker with threads, as this service needs it.

It measures how long a request waits for a thread, passes malformed requests to the application, and logs no text of clients.

gunicorn gives a connection to a thread, which waits for the first line and the headers of a request. A few slow or silent
clients could so take all threads. This worker waits for them in its loop: a connection is queued once they have arrived, and a
free thread takes it. Only the worker knows the time between, since the application is called once a request is parsed.

A connection is first closed for writing (RFC 9112, 9.6): what its client still sends would otherwise reset it, and the client
might lose the answer. gunicorn waits for the client's close in its only loop; this worker waits beside it.
"""

import os
import resource
import socket
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from itertools import takewhile
from selectors import EVENT_READ
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import ThreadWorker
from werkzeug import Response

from service.config import OWN_FILES
from service.server import log_redaction, request_head
from service.web import malformed
from service.web.client_address import TRUSTED_PROXY
from service.web.middleware import QUEUE_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LINGER_SECONDS = 2.0
MOST_LINGERING = 256
"""Connections that wait for their client's close at once, at most; the oldest is closed for a further one."""

_PIECE = 64 * 1024


class NoHeartbeat(Exception):
    """The file by which the master sees that a worker is alive cannot be made."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """The worker class of this service.

    `slot` is the worker's row in the shared counters, and `starts` what that row counted of started workers before.
    """

    slot: int
    starts: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        mask = os.umask(0o077)
        try:
            super().__init__(*args, **kwargs)
        except (OSError, RuntimeError) as error:
            raise NoHeartbeat(f"its file in {self.cfg.worker_tmp_dir} cannot be made ({error})") from error
        finally:
            os.umask(mask)  # gunicorn leaves its own where the file cannot be made
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:  # with more connections than files it would end with the requests that it has
            self.worker_connections = min(self.cfg.worker_connections, max(self.cfg.threads, files - OWN_FILES))
        self.wsgi: WSGIApplication
        self._queued: dict[Any, float] = {}
        self._taken = threading.local()
        self._waiting: dict[Any, tuple[float, int]] = {}
        self._lingering: dict[Any, float] = {}

    def init_process(self) -> None:
        """Become ready and serve. A worker that does not become ready logs why and exits with 1."""
        try:
            super().init_process()
        except Exception:
            if self.booted:
                raise
            self.log.exception("the worker could not become ready")
            sys.exit(1)

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads, all started: one that cannot be started later would end the worker with the requests that it has."""
        pool: ThreadPoolExecutor = super().get_thread_pool()
        all_run = threading.Barrier(self.cfg.threads)
        try:
            for _ in range(self.cfg.threads):
                pool.submit(all_run.wait)
        except RuntimeError:
            all_run.abort()
            raise
        return pool

    def load_wsgi(self) -> None:
        """Load the application, and pass the queue time of each request in its environ."""
        super().load_wsgi()
        self.wsgi = self._with_queue_time(self.wsgi)

    def _with_queue_time(self, application: "WSGIApplication") -> "WSGIApplication":
        def timed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            environ[TRUSTED_PROXY] = "HTTP_X_FORWARDED_FOR" in environ and self._trusts(environ["REMOTE_ADDR"])
            # Once: further requests on the same connection did not wait so long.
            environ[QUEUE_SECONDS] = vars(self._taken).pop("queue_seconds", None)
            return application(environ, start_response)

        return timed

    def _trusts(self, address: str) -> bool:
        """Whether gunicorn trusts the proxy at this address, which is empty for a Unix socket (--forwarded-allow-ips)."""
        if not address or "*" in self.cfg.forwarded_allow_ips:
            return True
        return any(ip_address(address) in network for network in self.cfg.forwarded_allow_networks())

    def accept(self, listener: Any) -> None:
        """Accept a connection. Where it is the last that may be open, the one that waits longest is closed to leave room."""
        super().accept(listener)
        if self.nr_conns >= self.worker_connections and len(self._waiting) > 1:
            self._end_waiting(next(iter(self._waiting)))

    def enqueue_req(self, conn: Any) -> None:
        """Queue the connection for a thread once the head of its request has arrived."""
        self._wait_for_head(conn, monotonic() + self.cfg.keepalive, 0)

    def _on_more(self, conn: Any, _: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        self._wait_for_head(conn, *self._waiting[conn])

    def _wait_for_head(self, conn: Any, until: float, before: int) -> None:
        """Queue the connection or reject its head; else wait for more bytes than `before`, as request_head.unfinished says."""
        try:
            unread = request_head.unfinished(conn, before)
        except LimitRequestHeaders as error:
            self._waiting.pop(conn, None)
            self.handle_error(None, conn.sock, conn.client, error)
            self._linger(conn)
            return
        if unread is not None:
            self._waiting[conn] = (until, unread)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_more, conn))
            return
        self._waiting.pop(conn, None)
        conn.data_ready = True
        self._queued[conn] = perf_counter()
        super().enqueue_req(conn)

    def _end_waiting(self, conn: Any) -> None:
        del self._waiting[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a request on the connection, in a thread."""
        self._taken.queue_seconds = perf_counter() - self._queued.pop(conn)
        return super().handle(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep the connection, or close it without waiting for its client."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def _linger(self, conn: Any) -> None:
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except OSError:  # the client is gone
            self._close(conn)
            return
        self._lingering[conn] = monotonic() + LINGER_SECONDS
        if len(self._lingering) > MOST_LINGERING:
            self._end_lingering(next(iter(self._lingering)))

    def murder_pending(self) -> None:
        """Close the connections whose time is over: those that wait for a head, and those that linger."""
        now = monotonic()
        # Once the worker stops, a head has no more time than a connection that lingers.
        over = now if self.alive else now + self.cfg.keepalive - LINGER_SECONDS
        for conn in list(takewhile(lambda conn: self._waiting[conn][0] <= over, self._waiting)):
            self._end_waiting(conn)
        for conn in list(takewhile(lambda conn: self._lingering[conn] <= now, self._lingering)):
            self._end_lingering(conn)

    def _discard(self, conn: Any, client: socket.socket) -> None:
        try:
            if client.recv(_PIECE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._end_lingering(conn)

    def _end_lingering(self, conn: Any) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Have the application answer a malformed request; let gunicorn answer other errors, without clients' text."""
        if not malformed.is_client_error(exc):
            log_redaction.redact(exc)
            super().handle_error(req, client, addr, exc)
            return
        address = addr[0] if addr else ""
        self.log.warning("Invalid request from ip=%s: %s", address, type(exc).__name__)
        answer = Response.from_app(self.wsgi, {**malformed.environ_of(exc), "REMOTE_ADDR": address}, buffered=True)
        head = [f"HTTP/1.1 {answer.status}", f"Date: {util.http_date()}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        with suppress(OSError):  # the client is gone
            util.write_nonblock(client, "\r\n".join([*head, "", ""]).encode("latin-1") + answer.data)
