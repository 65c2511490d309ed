"""App: the one place where the service is put together, for production and for tests alike."""

from flask import Flask, request

from service.auth.token_store import TokenStore
from service.config import Settings
from service.metrics.collector import MetricsCollector
from service.metrics.recorder import Metrics
from service.rollout.shadow import Shadow
from service.serving.active_models import Serving
from service.telemetry.tracing import Tracer
from service.web import authentication, errors, malformed, middleware
from service.web.concurrency_limit import ConcurrencyLimit
from service.web.handlers import docs, model, probes, score
from service.web.json_provider import MsgspecProvider


def create_app(settings: Settings, stage: Serving, metrics: Metrics, admission: ConcurrencyLimit, tracer: Tracer) -> Flask:
    """The WSGI application that serves by these settings, to those admitted, what stands on the stage."""
    shadow = Shadow(metrics, settings.out_of_range, admission.busy)

    app = Flask("delivery_risk", static_folder=None)
    app.json = MsgspecProvider(app)
    app.url_map.merge_slashes = False  # a redirect would send the client to whatever its Host header says
    errors.register(app)
    malformed.register(app)
    token_store = None if settings.tokens_file is None else TokenStore(settings.tokens_file, metrics.tokens_failed)
    if token_store is not None:
        authentication.register(app, token_store, metrics)
    app.register_blueprint(score.blueprint(stage, settings, metrics, admission, shadow))
    app.register_blueprint(
        probes.blueprint(MetricsCollector(metrics.counters, stage).registry, settings.drain_file, token_store)
    )
    app.register_blueprint(model.blueprint(stage, settings))
    app.register_blueprint(docs.blueprint(stage, settings))

    app.wsgi_app = middleware.layer(app.wsgi_app, metrics, tracer, _route)  # type: ignore[assignment,method-assign]
    return app


def _route() -> str:
    if request.url_rule is None:
        return "unreadable" if malformed.FAULT in request.environ else "unmatched"
    return request.url_rule.rule
