"""Middleware: what every request gets, whether it succeeds or fails: an id, a duration in the metrics and one log line.

It is a WSGI layer around the application, so that it sees every answer. The duration of a request is its queue time and the
time that its answer takes.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from service.metrics.recorder import Metrics
from service.scoring.service import NotAtOnce
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.telemetry.tracing import AnsweredRequest, Tracer
from service.web import malformed
from service.web.access_log import AccessLog
from service.web.path import path_of
from service.web.route import ROUTES_KEY, RouteTable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

QUEUE_SECONDS = "delivery_risk.queue_seconds"
"""In the environ: the seconds that a request waited for a thread, where the server measures them."""

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def layer(
    app: "WSGIApplication", metrics: Metrics, tracer: Tracer, table: RouteTable, access_log: AccessLog
) -> "WSGIApplication":
    """The application, with a RequestContext for each request and X-Request-ID on each answer; both are logged.

    What the table has for the path of a request is in its environ.
    """

    def observed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        called, queued = time.perf_counter(), environ.get(QUEUE_SECONDS)
        started = called - (queued or 0.0)
        given = environ.get("HTTP_X_REQUEST_ID")
        context = RequestContext(given if given and _WELL_FORMED.fullmatch(given) else os.urandom(16).hex())
        if queued is not None:
            context.timings.append(("wait", started, called))
        environ[ENVIRON_KEY] = context
        routes = environ[ROUTES_KEY] = table.at(path_of(environ))
        status = 500

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> "Callable[[bytes], object]":
            nonlocal status
            status = int(line[:3])
            return start_response(line, [*headers, ("X-Request-ID", context.request_id)], exc_info)

        def count() -> None:
            seconds = time.perf_counter() - started
            method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "other"
            route = routes.get(method) or next(iter(routes.values()), None)
            path = "unreadable" if malformed.ERROR in environ else "unmatched" if route is None else route.path
            metrics.request(method, path, status, seconds, context.timings, context.scored)
            context.scored = None  # its memory is free while the answer is sent
            if "caller" in context.notes:
                metrics.count("delivery_risk_requests_by_caller_total", context.notes["caller"])
            answered = AnsweredRequest(method, path, status, started, seconds, context.timings, context.notes)
            trace_id = tracer.answered(environ, answered, traced=route is None or route.traced)
            access_log.write(environ, route, answered, context, trace_id)

        try:
            answer = app(environ, start)
        except NotAtOnce:  # a thread answers the request
            raise
        except BaseException:
            count()
            raise
        count()
        return answer

    return observed
