"""App: the one place where the service is put together, for production and for tests alike."""

from flask import Flask, request

from service import access, gate, problems, unreadable
from service.admission import Admission
from service.codec import MsgspecProvider
from service.config import Settings
from service.exposition import Exposition
from service.keyring import Keyring
from service.lineup import Stage
from service.metrics import Metrics
from service.routes import catalog, docs, health, score
from service.shadow import Shadow
from service.tracing import Tracer


def create_app(settings: Settings, stage: Stage, metrics: Metrics, admission: Admission, tracer: Tracer) -> Flask:
    """The WSGI application that serves by these settings, to those admitted, what stands on the stage."""
    shadow = Shadow(metrics, settings.out_of_range, admission.busy)

    app = Flask("delivery_risk", static_folder=None)
    app.json = MsgspecProvider(app)
    app.url_map.merge_slashes = False  # a redirect would send the client to whatever its Host header says
    problems.register(app)
    unreadable.register(app)
    keyring = None if settings.tokens_file is None else Keyring(settings.tokens_file, metrics.tokens_failed)
    if keyring is not None:
        gate.register(app, keyring, metrics)
    app.register_blueprint(score.blueprint(stage, settings, metrics, admission, shadow))
    app.register_blueprint(health.blueprint(Exposition(metrics.tally, stage).registry, settings.drain_file, keyring))
    app.register_blueprint(catalog.blueprint(stage, settings))
    app.register_blueprint(docs.blueprint(stage, settings))

    app.wsgi_app = access.layer(app.wsgi_app, metrics, tracer, _route)  # type: ignore[assignment,method-assign]
    return app


def _route() -> str:
    if request.url_rule is None:
        return "unreadable" if unreadable.FAULT in request.environ else "unmatched"
    return request.url_rule.rule
