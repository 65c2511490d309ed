"""The calls of the Open Inference Protocol v2 that send no batch, and those of v1."""

from typing import Any

from flask import Request
from flask.typing import ResponseReturnValue

from model.core.risk_model import RiskModel
from schemas import inference_metadata
from service.scoring.service import ModelName
from service.version import VERSION
from service.web import statistics
from service.web.errors import Problem
from service.web.handlers.probes import readyz
from service.web.route import Components, names_in

EXTENSIONS = ("binary_tensor_data", "model_repository", "model_configuration", "statistics", "parameters")
_REGISTRY_DECIDES = (
    "The model registry decides which model is served: promote a version with delivery-risk model promote. This service loads "
    "and unloads no model by request."
)


def server(_: Components, __: Request) -> dict[str, Any]:
    """The service and the extensions of the protocol that it has."""
    return {"name": "delivery-risk", "version": VERSION, "extensions": EXTENSIONS}


def live(_: Components, __: Request) -> dict[str, bool]:
    """The process answers."""
    return {"live": True}


def ready(components: Components, request: Request) -> dict[str, bool]:
    """The service is ready, as /readyz says."""
    readyz(components, request)
    return {"ready": True, "live": True}


def models(components: Components, _: Request) -> dict[str, list[str]]:
    """The name of the model that is served."""
    return {"models": [components.serving.active.champion.model.manifest.name]}


def metadata(components: Components, request: Request) -> dict[str, Any]:
    """The tensors of the model."""
    return inference_metadata.metadata(_served(components, request).manifest)


def config(components: Components, request: Request) -> dict[str, Any]:
    """The same as Triton's ModelConfig."""
    return inference_metadata.config(_served(components, request).manifest)


def model_ready(components: Components, request: Request) -> dict[str, Any]:
    """The model is served, and the service is ready."""
    name = _served(components, request).manifest.name
    readyz(components, request)
    return {"name": name, "ready": True}


def stats(components: Components, request: Request) -> dict[str, Any]:
    """What all workers have scored since the service was started."""
    manifest = _served(components, request).manifest
    return {"model_stats": [statistics.of_model(components, manifest)]}


def index(components: Components, _: Request) -> list[dict[str, str]]:
    """The model that is served. The request's body is not used."""
    manifest = components.serving.active.champion.model.manifest
    return [{"name": manifest.name, "version": manifest.version, "state": "READY", "reason": ""}]


def not_loaded(_: Components, __: Request) -> ResponseReturnValue:
    """Models are not loaded by request."""
    raise Problem(501, _REGISTRY_DECIDES, kind="not-supported")


def _served(components: Components, request: Request) -> RiskModel:
    """The model in the path. Raises UnknownModel."""
    names = names_in(request.environ)
    model = components.serving.active.champion.model
    if names:
        ModelName(names["model"], names.get("version")).require(model.manifest)
    return model
