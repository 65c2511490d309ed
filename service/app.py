"""App: the one place where the service is put together, for production and for tests alike."""

from flask import Flask, request

from model.risk import RiskModel
from schemas.contract import Contract
from schemas.formats import Doors
from service import access, openapi, problems
from service.codec import MsgspecProvider
from service.config import Settings
from service.metrics import Metrics
from service.routes import catalog, docs, health, score
from service.tally import Tally


def create_app(settings: Settings, model: RiskModel, tally: Tally) -> Flask:
    """The WSGI application that serves this model by these settings, and counts into this tally."""
    doors = Doors(Contract(model.manifest.feature_names, settings.max_orders))
    metrics = Metrics(tally, model)
    document = openapi.document(model, doors)

    app = Flask("delivery_risk", static_folder=None)
    app.json = MsgspecProvider(app)
    app.url_map.merge_slashes = False  # a redirect would send the client to whatever its Host header says
    problems.register(app)
    app.register_blueprint(score.blueprint(model, doors, settings, metrics))
    app.register_blueprint(health.blueprint(metrics.registry))
    app.register_blueprint(catalog.blueprint(model, document))
    app.register_blueprint(docs.blueprint(document))

    app.wsgi_app = access.layer(app.wsgi_app, metrics, _route)  # type: ignore[assignment,method-assign]
    return app


def _route() -> str:
    return "unmatched" if request.url_rule is None else request.url_rule.rule
