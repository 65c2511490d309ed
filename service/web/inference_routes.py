"""The rows of the Open Inference Protocol v2 and of v1 in the table of routes."""

from collections.abc import Iterator
from typing import Any

from schemas.answer_schemas import InstancesSchema, PredictionsSchema
from schemas.formats.table import JSON
from service.web.handlers import infer
from service.web.handlers import inference_protocol as protocol
from service.web.handlers.batch_answer import by_flask
from service.web.route import Route

_MODEL = "/v2/models/<model>"
_TAG = "inference"
_PROBLEMS = (404, 408, 411, 413, 415, 503)


_LIST, _ANY = {JSON: {"schema": {"type": "array"}}}, {JSON: {"schema": {"type": "object"}}}


def _get(path: str, handler: Any, summary: str, problems: tuple[int, ...] = (), **more: Any) -> Route:
    return Route("GET", path, handler, summary=summary, tag=_TAG, answer=_ANY, problems=problems, **more)


def _of_model(base: str, what: str) -> Iterator[Route]:
    """The routes of a model, or of one version of it. JSON Schema cannot say how many elements tensors have, so the document
    would permit requests that are rejected: it leaves them to the protocol's own schema.
    """
    yield _get(base, protocol.metadata, f"The tensors of {what}.", (404,))
    yield _get(f"{base}/ready", protocol.model_ready, f"Whether {what} is ready for orders.", (404, 503))
    yield _get(f"{base}/config", protocol.config, f"The configuration of {what}, as Triton has it.", (404,))
    yield _get(f"{base}/stats", protocol.stats, "What was scored since the service was started.", (404,))
    yield Route(
        "POST",
        f"{base}/infer",
        by_flask(infer.infer),
        scope="score",
        scoring=True,
        at_once=True,
        direct=infer.infer,
    )


def _instances(name: str, direct: Any, summary: str) -> Route:
    return Route(
        "POST",
        f"/v1/models/<model>:{name}",
        by_flask(direct),
        scope="score",
        scoring=True,
        direct=direct,
        summary=summary,
        tag=_TAG,
        body={JSON: {"schema": InstancesSchema()}},
        answer={JSON: {"schema": PredictionsSchema()}},
        problems=_PROBLEMS,
    )


INFERENCE_ROUTES = (
    _get("/v2", protocol.server, "The service and its extensions of the protocol."),
    Route("GET", "/v2/", protocol.server),  # as the schema of the protocol writes it
    _get("/v2/health/live", protocol.live, "The process answers.", scope=None, traced=False, at_once=True),
    _get("/v2/health/ready", protocol.ready, "It is ready for orders.", (503,), scope=None, traced=False, at_once=True),
    _get("/v2/models", protocol.models, "The name of the model that is served."),
    _get("/v2/models/stats", protocol.stats, "What was scored since the service was started."),
    *_of_model(_MODEL, "the model"),
    *_of_model(f"{_MODEL}/versions/<version>", "one version of the model"),
    Route(
        "POST",
        "/v2/repository/index",
        protocol.index,
        summary="The model that is served, as a list of models.",
        tag=_TAG,
        answer=_LIST,
    ),
    Route("POST", "/v2/repository/models/<model>/load", protocol.not_loaded),
    Route("POST", "/v2/repository/models/<model>/unload", protocol.not_loaded),
    _get("/v1/models", protocol.models, "The name of the model that is served."),
    _get("/v1/models/<model>", protocol.model_ready, "Whether the model is ready for orders.", (404, 503)),
    _instances("predict", infer.predict, "Score a list of orders."),
    _instances("explain", infer.explain, "Score a list of orders and say why each has its score."),
)
