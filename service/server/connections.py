"""Connections: how gunicorn's worker with threads accepts connections, waits on them and closes them, as this service needs it.

gunicorn gives a connection to a thread, which waits for the first line and the headers of a request. A few slow or silent
clients could so take all threads. This worker waits for them in its loop: a connection is queued once they have arrived, and a
free thread takes it.

A connection is first closed for writing (RFC 9112, 9.6): what its client still sends would otherwise reset it, and the client
might lose the answer. gunicorn waits for the client's close in its only loop; this worker waits beside it.
"""

import resource
import socket
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import takewhile
from selectors import EVENT_READ
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import ThreadWorker

from service.config import OWN_FILES
from service.server import request_head
from service.server.plain_request import PlainParser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LINGER_SECONDS = 2.0
MOST_LINGERING = 256
"""Connections that wait for their client's close at once, at most; the oldest is closed for a further one."""

_NOTICE_SECONDS = 0.1
_PIECE = 64 * 1024


class ConnectionWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that waits for the heads of requests, and for the close of its clients, in its loop.

    `ready` is when the connections that it takes up now had something to read, on the performance counter.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:  # with more connections than files it would end with the requests that it has
            self.worker_connections = min(self.cfg.worker_connections, max(self.cfg.threads, files - OWN_FILES))
        self.pre_request, self.post_request = self.cfg.pre_request, self.cfg.post_request
        self.alive: bool
        self.wsgi: WSGIApplication
        self.ready = self._next_notice = 0.0
        self._waiting: dict[Any, tuple[float, int]] = {}
        self._lingering: dict[Any, float] = {}

    def trusts(self, address: str) -> bool:
        """Whether gunicorn trusts the proxy at this address, which is empty for a Unix socket (--forwarded-allow-ips)."""
        if not address or "*" in self.cfg.forwarded_allow_ips:
            return True
        return _is_in(address, tuple(self.cfg.forwarded_allow_networks()))

    def notify(self) -> None:
        """Show the master that this worker is alive, ten times a second at most."""
        now = perf_counter()
        if now >= self._next_notice:
            self._next_notice = now + _NOTICE_SECONDS
            super().notify()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take up the connections that have something to read, until gunicorn's loop has something to do.

        That is to stop, to accept or no longer accept connections, and, ten times a second or where nothing happens, to notify
        the master and to close the connections whose time is over.
        """
        while True:
            events = self.poller.select(timeout)
            self.ready = perf_counter()
            for key, _ in events:
                key.data(key.fileobj)
            accepts = self.nr_conns < self.worker_connections
            if not events or accepts != self._accepting or self.ready >= self._next_notice or not self.alive:
                return

    def accept(self, listener: Any) -> None:
        """Accept a connection. Where it is the last that may be open, the one that waits longest is closed to leave room."""
        super().accept(listener)
        if self.nr_conns >= self.worker_connections and len(self._waiting) > 1:
            self._end_waiting(next(iter(self._waiting)))

    def enqueue_req(self, conn: Any) -> None:
        """Have a request on the connection answered once its head has arrived."""
        if conn.parser is None and PlainParser.reads(self.cfg, conn):
            address = conn.client[0] if conn.client else ""
            conn.parser = PlainParser(self.cfg, conn, trusted=self.trusts(address))
        self._wait_for_head(conn, monotonic() + self.cfg.keepalive, 0)

    def head_arrived(self, conn: Any) -> None:
        """Queue the connection for a thread."""
        conn.data_ready = True
        super().enqueue_req(conn)

    def keep(self, conn: Any) -> None:
        """Wait for the next request on a connection that is registered."""
        conn.set_timeout()
        self.keepalived_conns.append(conn)

    def counted(self) -> bool:
        """Count a request; whether its connection may be kept."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        return self.alive and bool(self.cfg.keepalive) and len(self.keepalived_conns) < self.max_keepalived

    def _on_more(self, conn: Any, _: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        self._wait_for_head(conn, *self._waiting[conn])

    def _wait_for_head(self, conn: Any, until: float, before: int) -> None:
        """Wait for the head of a request, or reject it; `before` is what request_head.unfinished returned last."""
        try:
            unread = request_head.unfinished(conn, before)
        except LimitRequestHeaders as error:
            self._waiting.pop(conn, None)
            self.handle_error(None, conn.sock, conn.client, error)
            self.linger(conn)
            return
        if unread is not None:
            self._waiting[conn] = (until, unread)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_more, conn))
            return
        self._waiting.pop(conn, None)
        self.head_arrived(conn)

    def _end_waiting(self, conn: Any) -> None:
        del self._waiting[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep the connection, or close it without waiting for its client."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self.linger(conn)

    def linger(self, conn: Any) -> None:
        """Close the connection for writing, and completely once its client has closed it."""
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


@lru_cache
def _is_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(ip_address(address) in network for network in networks)
