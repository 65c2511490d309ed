"""Concurrency limit: how many requests a worker computes at once, and how long each of them may take.

A request takes a permit before its body is read, without waiting. Where no permit is free, it is answered 503 at once.
Requests that need no permit, probes and metrics among them, are always answered. A permit has a deadline: first for the
body to arrive, then for its answer to be computed. The watchdog looks for permits over their deadline.
"""

import math
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from time import monotonic
from typing import Any

from service.config import Settings
from service.metrics.recorder import Metrics
from service.telemetry.request_context import RequestContext
from service.web import request_body
from service.web.errors import Problem

DISCARD_SECONDS = 0.5


class Permit(AbstractContextManager["Permit"]):
    """Allows one request. `until` is its deadline (monotonic), `reading` the socket while the body is read from it."""

    def __init__(self, free: "list[Permit]", seconds: float, metrics: Metrics) -> None:
        self._free = free
        self._metrics = metrics
        self._seconds = seconds
        self.until = math.inf
        self.reading: socket.socket | None = None
        self.cut = False
        self.context: RequestContext | None = None

    def take(self, context: RequestContext) -> "Permit":
        """Give the permit to this request, from now to its deadline."""
        self.cut = False
        self.context = context
        self.until = monotonic() + self._seconds
        return self

    def __exit__(self, *_: object) -> None:
        self.until = math.inf
        self.reading = self.context = None
        self._free.append(self)

    def read(self, environ: Mapping[str, Any], limit: int) -> bytes:
        """The request's body, as request_body.read gives it; then the deadline is set anew. Raises Problem, 408 among them."""
        self.reading = environ.get("gunicorn.socket")
        try:
            content = request_body.read(environ, limit)
        except Problem:
            if self.cut:
                self._metrics.count("delivery_risk_requests_overdue_total", "read")
                raise Problem(408, "The body did not arrive in time.") from None
            raise
        # In this order: a permit that is overdue and not reading counts as computing.
        self.until = monotonic() + self._seconds
        self.reading = None
        return content

    def cut_off(self) -> None:
        """End the reading: the thread that waits for more of the body gets the end of the stream."""
        connection = self.reading
        if connection is not None and not self.cut:
            self.cut = True
            with suppress(OSError):
                # Not the method of a TLS socket, which would end its encryption in both directions.
                socket.socket.shutdown(connection, socket.SHUT_RD)


class ConcurrencyLimit:
    """The permits of one worker, as many as the settings allow. Made before the fork, so that each worker has its own."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._limit = settings.max_body_bytes
        self._count = settings.max_concurrent
        self._free: list[Permit] = []
        self._discarding: list[Permit] = []
        self._free.extend(Permit(self._free, settings.request_timeout_seconds, metrics) for _ in range(self._count))
        self._discarding.extend(Permit(self._discarding, DISCARD_SECONDS, metrics) for _ in range(settings.threads))
        self._permits = [*self._free, *self._discarding]

    def permit(self, environ: Mapping[str, Any], context: RequestContext) -> Permit:
        """A free permit, to be entered at once. Raises Problem 503 where there is none."""
        with suppress(IndexError):
            return self._free.pop().take(context)
        self._metrics.count("delivery_risk_requests_shed_total", "busy")
        # A client that is still sending its body might lose the connection before the answer.
        with suppress(IndexError), self._discarding.pop().take(context) as permit:
            permit.reading = environ.get("gunicorn.socket")
            request_body.discard(environ, self._limit)
        raise Problem(503, "The server is at its concurrency limit.", headers={"Retry-After": "1"})

    def busy(self) -> bool:
        """Whether any request has a permit."""
        return len(self._free) < self._count

    def taken(self) -> list[Permit]:
        """The permits of requests that are not answered yet."""
        return [permit for permit in self._permits if permit.until < math.inf]

    def sweep(self) -> list[Permit]:
        """Cut off bodies that are over their deadline; return the permits whose computation is."""
        now = monotonic()
        for permit in self._permits:
            if permit.until < now:
                permit.cut_off()
        return [permit for permit in self._permits if permit.reading is None and permit.until < now]
