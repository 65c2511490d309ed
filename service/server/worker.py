"""Worker: gunicorn's worker with threads, as this service needs it.

It measures how long a request waits for a thread, passes malformed requests to the application, and logs no text of clients.
gunicorn queues a connection when there is something to do on it, and a free thread takes it. Only the worker knows the time
between, since the application is called once a request is parsed. What the client then takes to send its headers is not
queue time.
"""

import threading
from collections.abc import Iterable
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker
from werkzeug import Response

from service.server import log_redaction
from service.web import malformed
from service.web.middleware import QUEUE_SECONDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Worker(ThreadWorker):  # type: ignore[misc]
    """The worker class of this service. `slot` is the worker's row in the shared counters."""

    slot: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wsgi: WSGIApplication
        self._queued: dict[Any, float] = {}
        self._taken = threading.local()

    def load_wsgi(self) -> None:
        """Load the application, and pass the queue time of each request in its environ."""
        super().load_wsgi()
        self.wsgi = self._with_queue_time(self.wsgi)

    def _with_queue_time(self, application: "WSGIApplication") -> "WSGIApplication":
        def timed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            # Once: further requests on the same connection did not wait so long.
            environ[QUEUE_SECONDS] = vars(self._taken).pop("queue_seconds", None)
            return application(environ, start_response)

        return timed

    def enqueue_req(self, conn: Any) -> None:
        """Queue the connection for a thread."""
        self._queued[conn] = perf_counter()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a request on the connection, in a thread."""
        self._taken.queue_seconds = perf_counter() - self._queued.pop(conn)
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Have the application answer a malformed request; let gunicorn answer other errors, without clients' text."""
        if not malformed.is_client_error(exc):
            log_redaction.redact(exc)
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", type(exc).__name__)
        answer = Response.from_app(self.wsgi, malformed.environ_of(exc))
        head = [f"HTTP/1.1 {answer.status}", f"Date: {util.http_date()}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        with suppress(OSError):  # the client is gone
            util.write_nonblock(client, "\r\n".join([*head, "", ""]).encode("latin-1") + answer.data)
