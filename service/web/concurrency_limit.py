"""Concurrency limit: how many requests a worker works on at once, and how long each of them may take.

A request takes a permit before its body is read, and gives it back once its answer is sent. Where no permit is free, it waits
for one for a moment, unless no thread would be left for other requests, and is then answered 503. Requests that need no permit,
probes and metrics among them, are always answered. A permit has a deadline: for the body to arrive, then for its answer to be
computed, then for the answer to be sent. The watchdog looks for permits over their deadline. The answers to requests without a
permit have a deadline too.
"""

import logging
import math
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Semaphore
from time import monotonic
from typing import TYPE_CHECKING, Any

from service.config import Settings
from service.metrics.recorder import Metrics
from service.scoring.service import NotAtOnce
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web import request_body
from service.web.errors import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WAIT_SECONDS = 0.25
DISCARD_SECONDS = 0.5
_PERMIT = "delivery_risk.permit"
AT_ONCE = "delivery_risk.at_once"
"""In the environ of a request that is answered while others wait: its answer must take about two milliseconds."""

_log = logging.getLogger("delivery_risk.concurrency_limit")


class Permit:
    """Allows one request. `until` is its deadline (monotonic).

    `reading` is the socket while the body is read from it, `sending` the socket while the answer is written to it. The answer
    to a request `at_once` takes about two milliseconds, since others wait for it.
    """

    def __init__(self, free: "SimpleQueue[Permit]", seconds: float, largest_body: Callable[[], int], metrics: Metrics) -> None:
        self._free = free
        self._largest_body = largest_body
        self._metrics = metrics
        self._seconds = seconds
        self.until = math.inf
        self.reading: socket.socket | None = None
        self.sending: socket.socket | None = None
        self.cut = False
        self.at_once = False
        self.context: RequestContext | None = None

    def take(self, context: RequestContext) -> "Permit":
        """Give the permit to this request, from now to its deadline."""
        self.cut = False
        self.context = context
        self.until = monotonic() + self._seconds
        return self

    def release(self) -> None:
        """Give the permit back."""
        self.until = math.inf
        self.at_once = False
        self.reading = self.sending = self.context = None
        self._free.put(self)

    def read(self, environ: Mapping[str, Any], most: int | None = None) -> bytes:
        """The request's body, as request_body.read gives it; then the deadline is set anew. Raises Problem, 408 among them.

        It may have `most` bytes, by default what the largest batch can need.
        """
        self.reading = environ.get("gunicorn.socket")
        try:
            content = request_body.read(environ, most or self._largest_body())
        except Problem:
            if self.cut:
                self._metrics.count("delivery_risk_requests_overdue_total", "read")
                raise Problem(408, "The body did not arrive in time.") from None
            raise
        # In this order: a permit that is overdue and not reading counts as computing.
        self.until = monotonic() + self._seconds
        self.reading = None
        return content

    def send(self, environ: Mapping[str, Any]) -> None:
        """The answer is sent from now on; the deadline is set anew."""
        self.cut = False
        self.until = monotonic() + self._seconds
        self.sending = environ.get("gunicorn.socket")
        self.reading = None

    def cut_off(self) -> None:
        """End the reading or sending: the thread that waits for the client gets the end of the stream, or an error."""
        context, sending, reading = self.context, self.sending, self.reading
        connection = sending or reading
        if context is None or connection is None or self.cut:
            return
        self.cut = True
        if sending is not None:
            self._metrics.count("delivery_risk_requests_overdue_total", "send")
            _log.warning("an answer was not read in time; its connection is closed", extra={"request_id": context.request_id})
        with suppress(OSError):
            # Not the method of a TLS socket, which would end its encryption in both directions.
            socket.socket.shutdown(connection, socket.SHUT_RD if sending is None else socket.SHUT_RDWR)


class _Answer:
    """An answer that gives back its permit once it is closed."""

    __slots__ = ("_answer", "_permit")

    def __init__(self, answer: Iterable[bytes], permit: Permit) -> None:
        self._answer, self._permit = answer, permit

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            self._permit.release()


class ConcurrencyLimit:
    """The permits of one worker, as many as the settings allow. Made before the fork, so that each worker has its own.

    `largest_body` gives how many bytes a body may have.
    """

    def __init__(self, settings: Settings, largest_body: Callable[[], int], metrics: Metrics) -> None:
        self._metrics = metrics
        self._largest_body = largest_body
        self._count = settings.max_concurrent
        self._may_wait = Semaphore(max(0, settings.threads - self._count - 1))

        def permits(count: int, seconds: float) -> tuple[SimpleQueue[Permit], list[Permit]]:
            free: SimpleQueue[Permit] = SimpleQueue()
            made = [Permit(free, seconds, largest_body, metrics) for _ in range(count)]
            for permit in made:
                permit.release()
            return free, made

        self._free, working = permits(self._count, settings.request_timeout_seconds)
        self._discarding, discarding = permits(settings.threads, DISCARD_SECONDS)
        self._sending, sending = permits(settings.threads, settings.request_timeout_seconds)
        self._permits = [*working, *discarding]
        self._all = [*self._permits, *sending]

    def layer(self, application: "WSGIApplication") -> "WSGIApplication":
        """The application, whose requests give back their permits once their answers are sent, or fail to be.

        It raises NotAtOnce for a request that is to be answered at once while another request has a permit.
        """

        def limited(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if AT_ONCE in environ and not self._reserve(environ):
                raise NotAtOnce
            try:
                answer = application(environ, start_response)
            except BaseException:
                if _PERMIT in environ:
                    environ[_PERMIT].release()
                raise
            try:
                permit: Permit = environ.get(_PERMIT) or self._sending.get_nowait()
            except Empty:  # a server that is not gunicorn, with more threads than the setting
                return answer
            permit.take(environ[ENVIRON_KEY]).send(environ)
            return _Answer(answer, permit)

        return limited

    def _reserve(self, environ: "WSGIEnvironment") -> bool:
        """Take a permit for a request that is answered at once, if no other request has one."""
        try:
            permit = self._free.get_nowait()
        except Empty:
            return False
        permit.at_once = self._free.qsize() == self._count - 1
        if not permit.at_once:
            permit.release()
            return False
        environ[_PERMIT] = permit
        return True

    def permit(self, environ: "WSGIEnvironment") -> Permit:
        """A permit for this request, until its answer is sent. Raises Problem 503 where none is free in time."""
        context: RequestContext = environ[ENVIRON_KEY]
        if _PERMIT in environ:
            reserved: Permit = environ[_PERMIT]
            return reserved.take(context)
        with suppress(Empty):
            permit = environ[_PERMIT] = self._next().take(context)
            return permit
        self._metrics.count("delivery_risk_requests_shed_total", "busy")
        # A client that is still sending its body might lose the connection before the answer.
        with suppress(Empty):
            permit = self._discarding.get_nowait().take(context)
            permit.reading = environ.get("gunicorn.socket")
            request_body.discard(environ, self._largest_body())
            permit.release()
        raise Problem(503, "The server is at its concurrency limit.", headers={"Retry-After": "1"})

    def _next(self) -> Permit:
        """The next permit that is free. Raises Empty at once where no thread would be left for other requests."""
        if not self._free.empty() or not self._may_wait.acquire(blocking=False):
            return self._free.get_nowait()
        try:
            return self._free.get(timeout=WAIT_SECONDS)
        finally:
            self._may_wait.release()

    def busy(self) -> bool:
        """Whether any request has a permit."""
        return self._free.qsize() < self._count

    def taken(self) -> list[Permit]:
        """The permits of requests that are not answered yet."""
        return [permit for permit in self._permits if permit.until < math.inf]

    def sweep(self) -> list[Permit]:
        """Cut off bodies and answers that are over their deadline; return the permits whose computation is."""
        now = monotonic()
        for permit in self._all:
            if permit.until < now:
                permit.cut_off()
        return [each for each in self._permits if each.reading is None and each.sending is None and each.until < now]
