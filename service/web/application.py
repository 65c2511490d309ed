"""The Flask application: the routes of a table, with authentication, errors and middleware around them."""

from typing import Any

import msgspec
from flask import Flask
from flask.json.provider import JSONProvider

from service.metrics.recorder import Metrics
from service.telemetry.tracing import Tracer
from service.web import authentication, errors, malformed, middleware
from service.web.request import Request
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
    app.request_class = Request
    app.json = MsgspecProvider(app)
    app.url_map.merge_slashes = False  # a redirect would send the client to the host that its Host header names
    errors.register(app)
    malformed.register(app)
    rows = {route.endpoint: route for route in components.routes}

    def matched() -> Route | None:
        rule = Request.current().url_rule
        return None if rule is None else rows[rule.endpoint]

    if components.token_store is not None:
        authentication.register(app, components.token_store, metrics, matched)
    for route in components.routes:
        app.add_url_rule(route.path, route.endpoint, route.view(components), methods=[route.method])
    app.wsgi_app = middleware.layer(app.wsgi_app, metrics, tracer, matched)  # type: ignore[assignment,method-assign]
    return app
