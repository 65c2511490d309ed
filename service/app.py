"""App: the one place where the service is put together, for production and for tests alike."""

from flask import Flask, request

from service import access, problems
from service.codec import MsgspecProvider
from service.config import Settings
from service.exposition import Exposition
from service.lineup import Stage
from service.metrics import Metrics
from service.routes import catalog, docs, health, score
from service.shadow import Shadow
from service.tally import Tally
from service.tracing import Tracer


def create_app(settings: Settings, stage: Stage, tally: Tally, tracer: Tracer) -> Flask:
    """The WSGI application that serves by these settings what stands on the stage, and counts into this tally."""
    metrics = Metrics(tally)
    shadow = Shadow(metrics, settings.out_of_range)

    app = Flask("delivery_risk", static_folder=None)
    app.json = MsgspecProvider(app)
    problems.register(app)
    app.register_blueprint(score.blueprint(stage, settings, metrics, shadow))
    app.register_blueprint(health.blueprint(Exposition(tally, stage.roster).registry))
    app.register_blueprint(catalog.blueprint(stage))
    app.register_blueprint(docs.blueprint(stage))

    app.wsgi_app = access.layer(app.wsgi_app, metrics, tracer, _route)  # type: ignore[assignment,method-assign]
    return app


def _route() -> str:
    return "unmatched" if request.url_rule is None else request.url_rule.rule
