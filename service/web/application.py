"""The Flask application: the routes of a table, with authentication, errors and middleware around them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Flask, Request, Response, request
from flask.json.provider import JSONProvider
from flask.typing import ResponseReturnValue

from service.metrics.recorder import Metrics
from service.telemetry.tracing import Tracer
from service.web import errors, fast_lane, malformed, middleware
from service.web.access_log import AccessLog
from service.web.errors import Problem
from service.web.fast_lane import Check
from service.web.path import path_of
from service.web.route import ROUTES_KEY, Components, Route, RouteTable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Finish = Callable[[Components, Request, Response], Response]


class MsgspecProvider(JSONProvider):
    """Strict UTF-8 JSON, so that a handler may return a dictionary."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return msgspec.json.decode(s)


class Application(Flask):
    """A Flask application without a map of URLs, which decodes paths and drops slashes.

    What an empty map raises would be kept in a cycle with the request and its body, until the next garbage collection.
    """

    def create_url_adapter(self, request: Request | None) -> None:
        """None: Flask looks for no route."""


def create_app(
    components: Components,
    table: RouteTable,
    metrics: Metrics,
    tracer: Tracer,
    authenticate: Check | None,
    finish: Finish | None,
) -> Flask:
    """The WSGI application that serves the routes of this table.

    `authenticate` checks each request that is well-formed; `finish` makes the last change to each response of Flask.
    """
    app = Application(__name__, static_folder=None)
    app.json = MsgspecProvider(app)
    if finish is not None:
        app.after_request(lambda response: finish(components, request, response))  # the first one is called last
    errors.register(app)

    def check(environ: "WSGIEnvironment") -> None:
        malformed.check(environ)
        if authenticate is not None:
            authenticate(environ)

    @app.before_request
    def answer() -> ResponseReturnValue:
        """The answer of the request's route."""
        environ = request.environ
        fast_lane.raise_again(environ)
        check(environ)
        method: str = environ["REQUEST_METHOD"]
        routes: Mapping[str, Route] = environ[ROUTES_KEY]
        if not routes:
            raise Problem(404, f"The path does not exist. {table.advice(path_of(environ))}")
        allow = {"Allow": ", ".join(sorted(routes))}
        if method not in routes:
            raise Problem(405, f"The path supports {allow['Allow']}.", headers=allow)
        if method == "OPTIONS":
            return Response(headers=allow)
        return routes[method].handler(components, request)

    direct = fast_lane.layer(app.wsgi_app, components, check) if components.settings.fast_lane == "on" else app.wsgi_app
    observed = middleware.layer(direct, metrics, tracer, table, AccessLog(components.settings))
    app.wsgi_app = components.concurrency_limit.layer(observed)  # type: ignore[assignment,method-assign]
    return app
