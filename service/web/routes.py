"""The table of routes. Flask, OpenAPI, authentication, tracing, the gunicorn hooks and the initial series read it."""

from collections.abc import Iterator
from functools import partial

from schemas.about import HealthSchema, HomeSchema, VersionSchema
from schemas.answer_schemas import ColumnsDecisionSchema, DecisionSchema
from schemas.formats.table import ARROW, ARROW_SCHEMA, COLUMNS, CSV, JSON, MEDIA_TYPES
from schemas.model_card import ModelSchema
from schemas.outcome import EXAMPLE, OutcomesSchema, ReceivedSchema
from service.web.handlers import docs, home, infer, model, outcomes, probes, score
from service.web.handlers import inference_protocol as oip
from service.web.route import ANY_NAME, Route

_probe = partial(Route, "GET", scope=None, traced=False, at_once=True, answer={JSON: {"schema": HealthSchema()}})

_INFER, _PREDICT, _EXPLAIN = map(infer.by_flask, (infer.infer, infer.predict, infer.explain))
_MODEL = "/v2/models/<model>"
_VERSION = f"{_MODEL}/versions/<version>"


def _of_model(base: str) -> Iterator[Route]:
    """The routes of a model, or of one version of it."""
    yield Route("GET", base, oip.metadata)
    yield Route("GET", f"{base}/ready", oip.model_ready)
    yield Route("GET", f"{base}/config", oip.config)
    yield Route("GET", f"{base}/stats", oip.stats)
    yield Route("POST", f"{base}/infer", _INFER, scope="score", scoring=True, at_once=True, direct=infer.infer)


INFERENCE_ROUTES = (
    Route("GET", "/v2", oip.server),
    Route("GET", "/v2/", oip.server),
    Route("GET", "/v2/health/live", oip.live, scope=None, traced=False, at_once=True),
    Route("GET", "/v2/health/ready", oip.ready, scope=None, traced=False, at_once=True),
    Route("GET", "/v2/models", oip.models),
    Route("GET", "/v2/models/stats", oip.stats),
    *_of_model(_MODEL),
    *_of_model(_VERSION),
    Route("POST", "/v2/repository/index", oip.index),
    Route("POST", "/v2/repository/models/<model>/load", oip.not_loaded),
    Route("POST", "/v2/repository/models/<model>/unload", oip.not_loaded),
    Route("GET", "/v1/models", oip.models),
    Route("GET", "/v1/models/<model>", oip.model_ready),
    Route("POST", "/v1/models/<model>:predict", _PREDICT, scope="score", scoring=True, direct=infer.predict),
    Route("POST", "/v1/models/<model>:explain", _EXPLAIN, scope="score", scoring=True, direct=infer.explain),
)

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
