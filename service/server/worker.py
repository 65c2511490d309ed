"""Worker: gunicorn's worker with threads, as this service needs it.

To hand a request to a thread and back costs as much as to answer one order. This worker answers a request in its loop where
that keeps nothing else waiting: the request is plain, it arrived as a whole and has at most AT_ONCE_BYTES, `may_answer` permits
it, no other request has a permit, and its answer takes the application about two milliseconds. All others are for the threads:
a thread also takes over where the application raises NotAtOnce, and where the client does not receive the answer as a whole.

It measures how long a request waits for a thread, passes malformed requests to the application, and logs no text of clients.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from time import perf_counter
from traceback import clear_frames
from typing import TYPE_CHECKING, Any

from gunicorn import util
from werkzeug import Response

from service.scoring.service import NotAtOnce
from service.server import log_redaction
from service.server.connections import ConnectionWorker
from service.server.exchange import Exchange
from service.server.plain_request import PlainParser, PlainRequest
from service.web import malformed
from service.web.client_address import TRUSTED_PROXY
from service.web.middleware import QUEUE_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

AT_ONCE_BYTES = 64 * 1024


class NoHeartbeat(Exception):
    """The file by which the master sees that a worker is alive cannot be made."""


class Worker(ConnectionWorker):
    """The worker class of this service.

    `slot` is the worker's row in the shared counters, and `starts` what that row counted of started workers before.
    `may_answer` is whether the request of an environ may be answered at once, and marks it.
    """

    slot: int
    starts: float
    may_answer: Callable[["WSGIEnvironment"], bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        mask = os.umask(0o077)
        try:
            super().__init__(*args, **kwargs)
        except (OSError, RuntimeError) as error:
            raise NoHeartbeat(f"its file in {self.cfg.worker_tmp_dir} cannot be made ({error})") from error
        finally:
            os.umask(mask)  # gunicorn leaves its own where the file cannot be made
        self._queued: dict[Any, float] = {}
        self._taken = threading.local()

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
            environ[TRUSTED_PROXY] = "HTTP_X_FORWARDED_FOR" in environ and self.trusts(environ["REMOTE_ADDR"])
            # Once: further requests on the same connection did not wait so long.
            environ[QUEUE_SECONDS] = vars(self._taken).pop("queue_seconds", None)
            return application(environ, start_response)

        return timed

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Answer the next request on a kept connection, or have a thread answer it."""
        self.keepalived_conns.remove(conn)
        exchange = self._at_once(conn)
        if exchange is not None and exchange.keep and not exchange.unsent:
            self.keep(conn)
            return
        self.poller.unregister(client)
        if exchange is not None:
            self._finish(conn, exchange)
        elif isinstance(conn.parser, PlainParser) and conn.parser.has_head():
            self._have_answered(conn)
        else:
            self.enqueue_req(conn)

    def head_arrived(self, conn: Any) -> None:
        """Answer the request on the connection, or have a thread answer it."""
        exchange = self._at_once(conn)
        if exchange is None:
            self._have_answered(conn)
        elif exchange.keep and not exchange.unsent:
            self.poller.register(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))
            self.keep(conn)
        else:
            self._finish(conn, exchange)

    def _have_answered(self, conn: Any) -> None:
        """Have a thread answer the request on the connection."""
        self._queued[conn] = self.ready
        super().head_arrived(conn)

    def _at_once(self, conn: Any) -> Exchange | None:
        """Answer the request on the connection here, and send what the kernel takes; None if a thread has to answer it."""
        parser = conn.parser
        if not isinstance(parser, PlainParser) or parser.unreader.buf.getbuffer():
            return None
        try:
            data = conn.sock.recv(AT_ONCE_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return None
        request = parser.read(data, parser.req_count + 1)
        if request is None:
            parser.unreader.unread(data)
            return None
        if not request.is_complete or not self.may_answer(request.environ):
            parser.kept = request
            return None
        self._taken.queue_seconds = perf_counter() - self.ready
        exchange = Exchange(self, request)
        try:
            exchange.send(conn.sock)
        except NotAtOnce as reason:
            clear_frames(reason.__traceback__)  # one of Flask's holds the reason, which holds the body
            parser.unreader.unread(data)
            exchange.end()
            return None
        except Exception as error:
            exchange.keep = False
            if not isinstance(error, OSError):  # of a client that is gone
                self.handle_error(request, conn.sock, conn.client, error)
        parser.req_count += 1
        if not exchange.unsent:
            exchange.end()
        return exchange

    def _finish(self, conn: Any, exchange: Exchange) -> None:
        """Close the connection, or have a thread send the rest of the answer."""
        if not exchange.unsent:
            self.linger(conn)
            return
        sending = self.tpool.submit(exchange.send_rest, conn.sock)
        sending.add_done_callback(lambda sent: self.method_queue.defer(self.finish_request, conn, sent))

    def handle(self, conn: Any) -> Any:
        """Answer a request on the connection, in a thread."""
        self._taken.queue_seconds = perf_counter() - self._queued.pop(conn)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request; whether to keep its connection."""
        if not isinstance(req, PlainRequest):
            return super().handle_request(req, conn)
        exchange = Exchange(self, req)
        try:
            conn.sock.sendall(exchange.answer())
        finally:
            exchange.end()
        return exchange.keep

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
