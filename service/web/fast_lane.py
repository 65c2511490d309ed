"""Fast lane: successes of routes that can answer directly, without the context, the request and the response of Flask.

A request goes through the same layers, checks and handler as in Flask. Where one of them raises, Flask answers the request by
what was raised, so errors have one place.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from service.web.route import ROUTES_KEY, Components

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_RAISED = "delivery_risk.raised"

Check = Callable[["WSGIEnvironment"], None]
"""Raises Problem where a request is to be rejected."""


def layer(app: "WSGIApplication", components: Components, check: Check) -> "WSGIApplication":
    """The Flask application behind the fast lane. It must call `raise_again` first."""

    def fast_lane(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        route = environ[ROUTES_KEY].get(environ["REQUEST_METHOD"])
        if route is None or route.direct is None or environ["REQUEST_METHOD"] != route.method:
            return app(environ, start_response)
        try:
            check(environ)
            content, headers = route.direct(components, environ)
        except Exception as error:
            environ[_RAISED] = error
            return app(environ, start_response)
        start_response("200 OK", [*headers, ("Content-Length", str(len(content)))])
        return [content]

    return fast_lane


def raise_again(environ: "WSGIEnvironment") -> None:
    """Raise what was raised in the fast lane for this request, if anything."""
    if _RAISED in environ:
        raise environ.pop(_RAISED)
