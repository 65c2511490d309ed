"""The Flask application: the routes of a table, with authentication, errors and middleware around them."""

from functools import partial
from typing import Any

import msgspec
from flask import Flask, request
from flask.json.provider import JSONProvider

from service.metrics.recorder import Metrics
from service.telemetry.tracing import Tracer
from service.web import authentication, errors, malformed, middleware
from service.web.route import Components, Route


class MsgspecProvider(JSONProvider):
    """Strict UTF-8 JSON, so that a handler may return a dictionary."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return msgspec.json.decode(s)


def create_app(components: Components, metrics: Metrics, tracer: Tracer) -> Flask:
    """The WSGI application that serves the routes of these components."""
    app = Flask(__name__, static_folder=None)
    app.json = MsgspecProvider(app)
    app.url_map.merge_slashes = False  # a redirect would send the client to the host that its Host header names
    errors.register(app)
    app.before_request(malformed.reject)
    rows = {f"{route.method} {route.path}": route for route in components.routes}

    def matched() -> Route | None:
        return rows.get(request.endpoint or "")

    if components.token_store is not None:
        authentication.register(app, components.token_store, metrics, matched)
    for endpoint, route in rows.items():
        app.add_url_rule(route.path, endpoint, partial(route.handler, components, request), methods=[route.method])
    observed = middleware.layer(app.wsgi_app, metrics, tracer, matched)
    app.wsgi_app = components.concurrency_limit.layer(observed)  # type: ignore[assignment,method-assign]
    return app
