"""Access: what every request gets, whatever becomes of it: an id, a duration in the metrics, and one log line.

A WSGI layer around the application, so that it sees every answer. A duration is what a request waited for a thread and what
its answer took from then on. Nothing of a request is logged but its method, its route, and what the routes note of it:
counts and names, never a feature's value.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.metrics.recorder import Metrics, Stages
from service.telemetry.tracing import Answered, Tracer
from service.web import queue_time

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("delivery_risk.access")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class RequestContext:
    """One request: its id, its route once its answer starts, what is noted for its log line, and its stages."""

    request_id: str
    route: str = "unmatched"
    notes: dict[str, Any] = field(default_factory=dict)
    stages: Stages = ()


_current: ContextVar[RequestContext] = ContextVar("record")


def current() -> RequestContext:
    """The record of the request that is being answered."""
    return _current.get()


def layer(application: "WSGIApplication", metrics: Metrics, tracer: Tracer, route: Callable[[], str]) -> "WSGIApplication":
    """The application, with a Record for each request, X-Request-ID on each answer, and both kept.

    `route` tells the rule that the present request has matched, once its answer starts.
    """

    def observed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        called, waited = time.perf_counter(), queue_time.waited()
        started = called - (waited or 0.0)
        given = environ.get("HTTP_X_REQUEST_ID", "")
        record = RequestContext(given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16))
        if waited is not None:
            record.stages = (("wait", started, called),)
        token = _current.set(record)
        status = 500

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal status
            status = int(line[:3])
            record.route = route()
            return start_response(line, [*headers, ("X-Request-ID", record.request_id)], exc_info)

        try:
            return application(environ, start)
        finally:
            _current.reset(token)
            seconds = time.perf_counter() - started
            method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "other"
            metrics.request(method, record.route, status, seconds, waited)
            answered = Answered(method, record.route, status, started, seconds, record.stages, record.notes)
            trace = tracer.answered(environ, answered)
            line: dict[str, Any] = {"request_id": record.request_id, "method": method, "route": record.route, "status": status}
            if trace is not None:
                line["trace_id"] = trace
            if waited is not None:
                line["wait_ms"] = round(waited * 1000, 3)
            _log.info("request", extra={**line, "duration_ms": round(seconds * 1000, 3), **record.notes})

    return observed
