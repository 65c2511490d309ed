"""GET /livez, /readyz and /metrics: for those who run the service."""

from flask import Request
from prometheus_client import make_wsgi_app
from werkzeug import Response

from service.web.errors import Problem
from service.web.route import Components


def livez(_: Components, __: Request) -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


def readyz(components: Components, _: Request) -> dict[str, str]:
    """Ready, unless the drain file exists, no token is valid or the decision log fails by the policy `refuse`."""
    if components.drain_file.exists:
        raise Problem(503, "The service is about to stop.")
    if components.token_store is not None and (reason := components.token_store.closed) is not None:
        raise Problem(503, f"No token is valid: {reason}.")
    if components.decision_log is not None and (reason := components.decision_log.closed) is not None:
        raise Problem(503, f"The decision log cannot be written: {reason}.")
    return {"status": "ok"}


def metrics(components: Components, request: Request) -> Response:
    """All metrics, in the exposition format that the scraper accepts."""
    # The library's application rejects HEAD.
    return Response.from_app(make_wsgi_app(components.registry), {**request.environ, "REQUEST_METHOD": "GET"})
