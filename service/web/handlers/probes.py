"""GET /livez, /readyz and /metrics: for those who run the service."""

from flask import Blueprint, request
from prometheus_client import CollectorRegistry, make_wsgi_app
from werkzeug import Response

from service.auth.token_store import TokenStore
from service.serving.drain import draining
from service.web.errors import Problem


def blueprint(registry: CollectorRegistry, drain_file: str | None, token_store: TokenStore | None) -> Blueprint:
    """The probes and this registry's exposition in whatever format is asked for.

    Not ready while the drain file is there, nor before the keyring, where there is one, has any token.
    """
    routes = Blueprint("health", __name__)
    exposition = make_wsgi_app(registry)

    @routes.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz")
    def readyz() -> dict[str, str]:
        if draining(drain_file):
            raise Problem(503, "The service is about to stop.")
        if token_store is not None and (reason := token_store.closed) is not None:
            raise Problem(503, f"No token is valid: {reason}.")
        return {"status": "ok"}

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response.from_app(exposition, {**request.environ, "REQUEST_METHOD": "GET"})  # it refuses HEAD

    return routes
