"""OpenAPI: the document of the routes, made from their rows and from the schemas of the model that is served.

Each media type has one schema, so that a generated client has one type for what it sends and one for what it gets.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

import msgspec
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from model.core.manifest import NONE, NUMBER, Context, Input
from schemas.context import OTHER
from schemas.explanation import EXPLAIN
from schemas.faults import ProblemSchema
from schemas.formats.table import JSON, RequestBody, format_of
from schemas.names import listed
from service.scoring.batch import Options, score_batch
from service.serving.active_models import ServedModel
from service.version import VERSION
from service.web import errors, protocol_errors
from service.web.request_body import CODINGS
from service.web.route import Route, parameters_of, template

_PARTIAL = {
    "name": "on_error",
    "in": "query",
    "description": "With partial, the valid orders of a faulty batch are scored and the others are returned with their errors.",
    "schema": {"type": "string", "enum": ["refuse", "partial"], "default": "refuse"},
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "description": "The answer says why orders have their scores: those that go to review, or all.",
    "schema": {"type": "string", "enum": list(EXPLAIN)},
}
_CHANGES = {
    "name": "changes",
    "in": "query",
    "description": "With explain: each explanation also says what would change the queue.",
    "schema": {"type": "string", "enum": ["true"]},
}
_REVIEW_TOP = (
    "So many orders go to review, all others to monitor: those out of range first where the policy is review, then by score, "
    "then by order_id. The answer has the selection, and the rank of each order."
)
_BY = "With review_top: so many of each group of orders with the same value of this context."
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Returned as it is where it is well formed; otherwise the service makes one.",
    "schema": {"type": "string"},
}
_TAGS = {
    "scoring": "Orders in, scores and queues out.",
    "inference": "The Open Inference Protocol v2 and its predecessor v1, as clients of model servers call it.",
    "outcomes": "What happened to the orders.",
    "operations": "For those who run the service.",
    "documentation": "What the service is and how to call it.",
}
_CODED = f"May have Content-Encoding {' or '.join(CODINGS)}."
_NO_WORD = re.compile(r"\W+")
_EVERYWHERE = 400, 414, 431, 500
_UNREAD = 414, 431
"""Statuses of requests whose path is not read."""


@lru_cache(maxsize=2)
def document(routes: Sequence[Route], served: ServedModel, *, authenticated: bool) -> Mapping[str, Any]:
    """The OpenAPI 3.1 document for this model, whose features are an order's fields. `authenticated`: tokens are needed."""
    manifest = served.model.manifest
    spec = APISpec(
        title="Delivery-risk",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        info={"description": f"Delay risk of delivery orders by {manifest.name} {manifest.version}."},
    )
    if authenticated:
        scheme = {"type": "http", "scheme": "bearer", "description": "A token of the service's tokens file."}
        spec.components.security_scheme("token", scheme)
    for route in routes:
        if route.summary:
            spec.path(template(route.path), operations={route.method.lower(): _operation(route, served, authenticated)})
    found: dict[str, Any] = spec.to_dict()
    _describe_inputs(found["components"]["schemas"], served)
    return found


def _operation(route: Route, served: ServedModel, authenticated: bool) -> dict[str, Any]:
    needed = route.scope if authenticated else None
    statuses = sorted({*_EVERYWHERE, *route.problems, *((401, 403) if needed else ())})
    problem: dict[str, Any] = {errors.MEDIA_TYPE: {"schema": ProblemSchema()}}
    answered = {protocol_errors.MEDIA_TYPE: {"schema": protocol_errors.ProtocolErrorSchema()}}

    def content_of(status: int) -> dict[str, Any]:
        return answered if protocol_errors.has(route.path) and status not in _UNREAD else problem

    batch = route.scoring and not route.body
    description = "A result for each order, in the format of the request." if batch else route.summary
    content = deepcopy(dict(route.answer))  # apispec replaces the schemas
    for media_type in content if batch else ():
        content[media_type] |= _example(_answer(media_type, served))
    return {
        "summary": route.summary,
        "tags": [route.tag],
        "operationId": _NO_WORD.sub("_", route.path[1:].partition(".")[0]).strip("_") or "home",
        **_received(route, served, batch=batch),
        "responses": {
            "200": {"description": description, "content": content},
            **{str(each): {"description": errors.PROBLEMS[each][1], "content": content_of(each)} for each in statuses},
        },
        **({"security": [{"token": [needed]}]} if needed else {}),
    }


def _received(route: Route, served: ServedModel, *, batch: bool) -> dict[str, Any]:
    """What a route takes: its body, and the names in its path."""
    found = _batch(served) if batch else _body(route) if route.body else {}
    manifest = served.model.manifest
    known = {"model": manifest.name, "version": manifest.version}
    names = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [known[name]]}}
        for name in parameters_of(route.path)
    ]
    return {**found, **({"parameters": [*names, *found.get("parameters", [])]} if names else {})}


def _batch(served: ServedModel) -> dict[str, Any]:
    """What a scoring route takes."""
    content = {
        media_type: {"schema": deepcopy(decoder.schema), **_example(decoder.example(served.model))}
        for media_type, decoder in served.decoder.decoders.items()
    }
    description = f"{_CODED} As {JSON}, columns are accepted too and answered in columns."
    body = {"required": True, "description": description, "content": content}
    return {"parameters": [_PARTIAL, _EXPLAIN, _CHANGES, *_selection(served), _REQUEST_ID], "requestBody": body}


def _body(route: Route) -> dict[str, Any]:
    """What a route takes whose body is no batch."""
    body = {"required": True, "description": _CODED, "content": deepcopy(dict(route.body))}  # apispec replaces the schemas
    return {"parameters": [_REQUEST_ID], "requestBody": body}


def _selection(served: ServedModel) -> list[dict[str, Any]]:
    """The parameters for a selection."""
    names = served.model.manifest.context_names
    most = {"type": "integer", "minimum": 1, "maximum": served.decoder.max_orders}
    context = {"type": "string", **({"enum": list(names)} if names else {})}
    by = f"{_BY} The model has {listed(names) or 'none'}."
    return [
        {"name": "review_top", "in": "query", "description": _REVIEW_TOP, "schema": most},
        {"name": "by", "in": "query", "description": by, "schema": context},
    ]


def _example(example: Any) -> dict[str, Any]:
    return {} if example is None else {"example": example}


def _answer(media_type: str, served: ServedModel) -> Any:
    """The answer to the example of a media type, None where there is none."""
    example = served.decoder.decoders[media_type].example(served.model)
    if example is None:
        return None
    content = example.encode() if isinstance(example, str) else msgspec.json.encode(example)
    scored = score_batch(served.model, served.decoder.decode(RequestBody(media_type, content)), Options("review"))
    answer = format_of(scored).encode(scored)
    return answer.decode() if isinstance(example, str) else msgspec.json.decode(answer)


def _describe_inputs(schemas: dict[str, Any], served: ServedModel) -> None:
    """Add description, unit, range and an example to each input and context of an order, and of columns.

    The range is in the text: an order outside it is valid, and `minimum` would say that it is not.
    """
    manifest = served.model.manifest
    found = {
        each.name: (_description(each), value)
        for each, value in zip(manifest.inputs, manifest.self_test.orders[0], strict=True)
    }
    found |= {each.name: (_of_context(each), each.values[0]) for each in manifest.context}
    for name, (text, value) in found.items():
        schemas["Order"]["properties"][name] |= {"description": text, "example": value}
        schemas["FeatureColumns"]["properties"][name] |= {"description": text, "example": [value]}


def _description(of: Input) -> str:
    parts = [of.description.rstrip("."), f"Unit: {of.unit}" if of.unit else ""]
    if of.kind == NUMBER:
        low, high = ("any" if bound is None else f"{bound:g}" for bound in (of.minimum, of.maximum))
        parts.append(f"Range of the training data: {low} to {high}")
    if of.unknown == NONE:
        parts.append(f"The model knows {listed(of.values)}; any other text counts as none of them")
    if of.optional:
        parts.append("May be missing or null")
    return " ".join(f"{part}." for part in parts if part)


def _of_context(of: Context) -> str:
    known = listed(of.values)
    return f"A text that is never scored. Metrics count {known} by name, any other text as {OTHER}. May be missing or null."
