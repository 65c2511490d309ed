"""Worker: gunicorn's threads as this service needs them. They tell how long a request waited for one of them, and never quote.

gthread queues a connection when there is something to do on it; a thread that is free takes it up. What lies between is known
here alone, since the application is only called once a request is parsed.
"""

from time import perf_counter
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from service import arrival, discretion


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread."""

    def enqueue_req(self, conn: Any) -> None:
        """Queue the connection for a thread, and note when."""
        conn.ready = perf_counter()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer what is on the connection, and tell how long it waited."""
        arrival.taken_up(perf_counter() - conn.ready)
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer and log what gunicorn would, with the error's name where it would quote."""
        discretion.silence(exc)
        super().handle_error(req, client, addr, exc)
