"""Worker: gunicorn's threads as this service needs them. They tell how long a request waited for one of them, have the
application refuse what cannot be read, and never quote.

gthread queues a connection when there is something to do on it; a thread that is free takes it up. What lies between is known
here alone, since the application is only called once a request is parsed.
"""

from contextlib import suppress
from time import perf_counter
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from service.server import log_redaction
from service.web import malformed, queue_time


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread."""

    def enqueue_req(self, conn: Any) -> None:
        """Queue the connection for a thread, and note when."""
        conn.ready = perf_counter()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer what is on the connection, and tell how long it waited."""
        queue_time.taken_up(perf_counter() - conn.ready)
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that cannot be read with a problem; else answer and log what gunicorn would, without quoting."""
        if not malformed.is_unreadable(exc):
            log_redaction.silence(exc)
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", type(exc).__name__)
        head: list[str] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            head[:] = f"HTTP/1.1 {status}", f"Date: {util.http_date()}", "Connection: close"
            head.extend(f"{name}: {value}" for name, value in headers)

        body = b"".join(self.wsgi(malformed.environ(exc), start_response))
        with suppress(OSError):  # the client is gone
            util.write_nonblock(client, "\r\n".join([*head, "", ""]).encode("latin-1") + body)
