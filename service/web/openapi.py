"""OpenAPI: the document of this service, made from the schemas of the model it serves."""

from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin, common
from marshmallow import Schema

from model.core.risk_model import RiskModel
from schemas.faults import ProblemSchema
from schemas.formats import json_records
from schemas.formats.table import CSV, JSON, BatchDecoder
from schemas.model_card import HealthSchema, ModelSchema, VersionSchema
from schemas.result import ColumnsDecisionSchema, DecisionSchema
from service.auth import tokens
from service.serving.active_models import ServedModel
from service.version import VERSION
from service.web import errors
from service.web.request_body import CODINGS

_BODY = f"May come with Content-Encoding {' or '.join(CODINGS)}."
_PARTIAL = {
    "name": "on_error",
    "in": "query",
    "description": "With partial, the sound orders of a faulty batch are scored and the others come back with their errors.",
    "schema": {"type": "string", "enum": ["refuse", "partial"], "default": "refuse"},
}
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Echoed where it is well formed; made anew otherwise.",
    "schema": {"type": "string"},
}
_ANYWHERE = 400, 414, 431, 500


@lru_cache(maxsize=2)
def document(served: ServedModel, *, closed: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 document for this model: its features are an order's fields. Where `closed`, tokens are asked for."""
    model, decoder = served.model, served.decoder
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Delivery-risk",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": f"Delay risk of delivery orders by {model.manifest.name} {model.manifest.version}."},
    )
    score = {
        "summary": "Score a batch of orders",
        "operationId": "score",
        "parameters": [_PARTIAL, _REQUEST_ID],
        "requestBody": {"required": True, "description": _BODY, "content": _batch(model, decoder)},
        "responses": {"200": _DECISION, **_problems(*_ANYWHERE, 408, 411, 413, 415, 422, 503)},
    }
    spec.path("/score", operations={"post": score})
    for path, (summary, schema) in _READ.items():
        responses = {"200": _answer(summary, schema), **_problems(*_ANYWHERE, *[503] * (path == "/readyz"))}
        spec.path(path, operations={"get": {"summary": summary, "operationId": path[1:], "responses": responses}})
    for path, (summary, *kinds) in _OTHER.items():
        responses = {"200": {"description": summary, "content": {kind: {} for kind in kinds}}, **_problems(*_ANYWHERE)}
        operation_id = path[1:].partition(".")[0]
        spec.path(path, operations={"get": {"summary": summary, "operationId": operation_id, "responses": responses}})
    return _secured(spec.to_dict()) if closed else spec.to_dict()


def _secured(document: dict[str, Any]) -> dict[str, Any]:
    """The same document for a service that asks for tokens: what each operation needs, and what comes back without it."""
    components = document["components"]
    scheme = {"type": "http", "scheme": "bearer", "description": "A token of the service's tokens file."}
    problem = {"content": {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    refusals = {str(status): {"description": errors.PROBLEMS[status][1], **problem} for status in (401, 403)}
    paths = {
        path: {method: _asking(tokens.scope(method.upper(), path), operation, refusals) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths, "components": {**components, "securitySchemes": {"token": scheme}}}


def _asking(scope: str | None, operation: dict[str, Any], refusals: dict[str, Any]) -> dict[str, Any]:
    if scope is None:
        return operation
    return {**operation, "security": [{"token": [scope]}], "responses": {**operation["responses"], **refusals}}


_READ: dict[str, tuple[str, Schema]] = {
    "/model": ("The model that is served.", ModelSchema()),
    "/version": ("What runs here.", VersionSchema()),
    "/livez": ("The process answers.", HealthSchema()),
    "/readyz": ("The model is loaded and reproduced its self-test.", HealthSchema()),
}
_OTHER = {
    "/metrics": ("What Prometheus scrapes.", "text/plain", "application/openmetrics-text"),
    "/openapi.json": ("This document.", JSON),
    "/docs": ("A page to read it on.", "text/html"),
}


def _name(schema: Any) -> str:
    return type(common.resolve_schema_instance(schema)).__name__.removesuffix("Schema")


def _answer(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _problems(*statuses: int) -> dict[str, Any]:
    content = {errors.MEDIA_TYPE: {"schema": ProblemSchema()}}
    return {str(status): {"description": errors.PROBLEMS[status][1], "content": content} for status in sorted(statuses)}


def _batch(model: RiskModel, decoder: BatchDecoder) -> dict[str, Any]:
    example = json_records.example(model)
    (order,) = example["orders"]
    rows = f"{','.join(order)}\n{','.join(map(str, order.values()))}\n"
    return {
        JSON: {"schema": {"oneOf": list(decoder.schemas.values())}, "example": example},
        CSV: {"schema": {"type": "string"}, "example": rows},
    }


_DECISION = {
    "description": "A result for each order, in the format of the request.",
    "content": {
        JSON: {"schema": {"oneOf": [DecisionSchema(), ColumnsDecisionSchema()]}},
        CSV: {"schema": {"type": "string"}},
    },
}
