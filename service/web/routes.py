"""The table of routes. Flask, OpenAPI, authentication, tracing, the gunicorn hooks and the initial series read it."""

from functools import partial

from schemas.about import HealthSchema, HomeSchema, VersionSchema
from schemas.answer_schemas import ColumnsDecisionSchema, DecisionSchema
from schemas.formats.table import ARROW, ARROW_SCHEMA, COLUMNS, CSV, JSON, MEDIA_TYPES
from schemas.model_card import ModelSchema
from schemas.outcome import EXAMPLE, OutcomesSchema, ReceivedSchema
from service.web.handlers import docs, home, model, outcomes, probes, score
from service.web.inference_routes import INFERENCE_ROUTES
from service.web.route import ANY_NAME, Route

_probe = partial(Route, "GET", scope=None, traced=False, at_once=True, answer={JSON: {"schema": HealthSchema()}})

ROUTES = (
    Route(
        "POST",
        "/score",
        score.score,
        scope="score",
        scoring=True,
        at_once=True,
        direct=score.direct,
        summary="Score a batch of orders",
        tag="scoring",
        answer={
            JSON: {"schema": DecisionSchema()},
            COLUMNS: {"schema": ColumnsDecisionSchema()},
            CSV: {"schema": {"type": "string"}},
            **({ARROW: {"schema": ARROW_SCHEMA}} if ARROW in MEDIA_TYPES else {}),
        },
        problems=(408, 411, 413, 415, 422, 503),
    ),
    Route(
        "POST",
        "/outcomes",
        outcomes.outcomes,
        scope="outcome",
        summary="Keep what happened to orders.",
        tag="outcomes",
        body={JSON: {"schema": OutcomesSchema(), "example": EXAMPLE}},
        answer={JSON: {"schema": ReceivedSchema(), "example": {"received": 1}}},
        problems=(404, 408, 411, 413, 415, 422, 503),
    ),
    Route(
        "GET",
        "/",
        home.home,
        summary="What this is and where to look.",
        tag="documentation",
        answer={JSON: {"schema": HomeSchema()}, "text/html": {"schema": {"type": "string"}}},
    ),
    Route(
        "GET",
        "/model",
        model.model,
        summary="The model that is served.",
        tag="scoring",
        answer={JSON: {"schema": ModelSchema()}},
    ),
    Route("GET", "/version", model.version, summary="The versions that run here.", answer={JSON: {"schema": VersionSchema()}}),
    _probe("/livez", probes.livez, summary="The process answers."),
    _probe("/healthz", probes.livez, summary="Another name of /livez."),
    _probe("/readyz", probes.readyz, summary="The service is ready for orders.", problems=(503,)),
    Route(
        "GET",
        "/metrics",
        probes.metrics,
        traced=False,
        summary="Metrics for Prometheus.",
        answer={"text/plain": {}, "application/openmetrics-text": {}},
    ),
    Route("GET", "/openapi.json", docs.openapi_json, summary="This document.", tag="documentation", answer={JSON: {}}),
    Route("GET", "/docs", docs.docs, summary="This document as a page.", tag="documentation", answer={"text/html": {}}),
    Route("GET", f"/docs/{ANY_NAME}", docs.asset),
    *INFERENCE_ROUTES,
)
