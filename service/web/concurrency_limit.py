"""Admission: how many requests a worker computes at once, and how long each may take.

A place is taken without waiting, before the body is read; where none is free, the request is refused at once with 503. What
takes no place, the probes and the metrics among it, is always answered. A place has a time by which it must be free again:
so long may a body take to arrive, and then its answer to be made. The watchdog looks for those that overstay.
"""

import math
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any

from service.config import Settings
from service.metrics.recorder import Metrics
from service.web import middleware, request_body
from service.web.errors import Problem

RETRY_SECONDS = 1
DISCARD_SECONDS = 0.5


class Permit:
    """Room for one request. `until` is when it must be left (monotonic), `reading` the socket while a body is read from it."""

    __slots__ = ("_free", "_metrics", "_seconds", "cut", "reading", "record", "until")

    def __init__(self, free: "deque[Permit]", seconds: float, metrics: Metrics) -> None:
        self._free = free
        self._metrics = metrics
        self._seconds = seconds
        self.until = math.inf
        self.reading: socket.socket | None = None
        self.cut = False
        self.record: middleware.RequestContext | None = None

    def __enter__(self) -> "Permit":
        self.cut = False
        self.record = middleware.current()
        self.until = monotonic() + self._seconds
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.until = math.inf
        self.reading = self.record = None
        self._free.append(self)

    def read(self, environ: Mapping[str, Any], limit: int) -> bytes:
        """The request's body, as `body.read` gives it; from then on the time counts anew. Raises Problem, 408 among them."""
        self.reading = environ.get("gunicorn.socket")
        try:
            content = request_body.read(environ, limit)
        except Problem:
            if self.cut:
                self._metrics.overdue("read")
                raise Problem(408, "The body did not arrive in time.") from None
            raise
        # In this order: what is overdue and not reading is taken for computing.
        self.until = monotonic() + self._seconds
        self.reading = None
        return content

    def discard(self, environ: Mapping[str, Any], limit: int) -> None:
        """Read the body away: a client that is still sending it might otherwise lose the connection before the answer."""
        self.reading = environ.get("gunicorn.socket")
        request_body.discard(environ, limit)

    def cut_off(self) -> None:
        """End the reading: the thread that waits for more of the body is told that there is none."""
        connection = self.reading
        if connection is not None and not self.cut:
            self.cut = True
            with suppress(OSError):
                # Not the method of a TLS socket, which would end its encryption both ways.
                socket.socket.shutdown(connection, socket.SHUT_RD)


class ConcurrencyLimit:
    """The places of one worker, as many as the settings say. Made before the fork, so that each worker has its own."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._limit = settings.max_body_bytes
        self._free: deque[Permit] = deque()
        self._refusing: deque[Permit] = deque()
        self._free.extend(Permit(self._free, settings.request_timeout_seconds, metrics) for _ in range(settings.max_concurrent))
        self._refusing.extend(Permit(self._refusing, DISCARD_SECONDS, metrics) for _ in range(settings.threads))
        self._count = len(self._free)
        self._places = [*self._free, *self._refusing]

    def place(self, environ: Mapping[str, Any]) -> Permit:
        """A free place, to be entered at once. Raises Problem 503 where there is none."""
        try:
            return self._free.pop()
        except IndexError:
            raise self._refusal(environ) from None

    def busy(self) -> bool:
        """Whether any request has a place."""
        return len(self._free) < self._count

    def taken(self) -> list[Permit]:
        """The places of requests that are not answered yet."""
        return [place for place in self._places if place.until < math.inf]

    def sweep(self) -> list[Permit]:
        """Cut off the bodies that take too long, and tell the places whose answers do."""
        now = monotonic()
        for place in self._places:
            if place.until < now:
                place.cut_off()
        return [place for place in self._places if place.reading is None and place.until < now]

    def _refusal(self, environ: Mapping[str, Any]) -> Problem:
        self._metrics.shed("busy")
        with suppress(IndexError), self._refusing.pop() as place:
            place.discard(environ, self._limit)
        detail = "As many requests as may be are being computed."
        return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
