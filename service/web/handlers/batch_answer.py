"""What the handlers of all scoring routes have in common: the answer by Flask, and the headers of a success."""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from flask import Request, Response

from service.telemetry.request_context import RequestContext
from service.web.route import Answer, Components

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def by_flask(direct: "Callable[[Components, WSGIEnvironment], Answer]") -> Callable[[Components, Request], Response]:
    """The handler that answers by Flask what `direct` answers without."""

    def handler(components: Components, request: Request) -> Response:
        content, headers = direct(components, request.environ)
        return Response(content, headers=headers)

    return handler


def encoded(context: RequestContext, begin: float) -> list[tuple[str, str]]:
    """The headers of an answer whose encoding began then and has ended now."""
    context.timings.append(("encode", begin, perf_counter()))
    timing = ", ".join([f"{stage};dur={(end - begin) * 1000:.3f}" for stage, begin, end in context.timings])
    return [("Cache-Control", "no-store"), ("Server-Timing", timing)]
