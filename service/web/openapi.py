"""OpenAPI: the document of the routes, made from their rows and from the schemas of the model that is served."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from schemas.faults import ProblemSchema
from service.serving.active_models import ServedModel
from service.version import VERSION
from service.web import errors
from service.web.request_body import CODINGS
from service.web.route import Route

_PARTIAL = {
    "name": "on_error",
    "in": "query",
    "description": "With partial, the valid orders of a faulty batch are scored and the others are returned with their errors.",
    "schema": {"type": "string", "enum": ["refuse", "partial"], "default": "refuse"},
}
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Returned as it is where it is well formed; otherwise the service makes one.",
    "schema": {"type": "string"},
}
_EVERYWHERE = 400, 414, 431, 500


@lru_cache(maxsize=2)
def document(routes: Sequence[Route], served: ServedModel, *, authenticated: bool) -> Mapping[str, Any]:
    """The OpenAPI 3.1 document for this model, whose features are an order's fields. `authenticated`: tokens are needed."""
    manifest = served.model.manifest
    spec = APISpec(
        title="Delivery-risk",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": f"Delay risk of delivery orders by {manifest.name} {manifest.version}."},
    )
    if authenticated:
        scheme = {"type": "http", "scheme": "bearer", "description": "A token of the service's tokens file."}
        spec.components.security_scheme("token", scheme)
    for route in routes:
        if route.summary:
            spec.path(route.path, operations={route.method.lower(): _operation(route, served, authenticated)})
    return spec.to_dict()


def _operation(route: Route, served: ServedModel, authenticated: bool) -> dict[str, Any]:
    needed = route.scope if authenticated else None
    statuses = sorted({*_EVERYWHERE, *route.problems, *((401, 403) if needed else ())})
    problem = {errors.MEDIA_TYPE: {"schema": ProblemSchema()}}
    description = "A result for each order, in the format of the request." if route.scoring else route.summary
    return {
        "summary": route.summary,
        "operationId": route.path[1:].partition(".")[0] or "home",
        **(_batch(served) if route.scoring else {}),
        "responses": {
            "200": {"description": description, "content": deepcopy(route.answer)},  # apispec replaces the schemas
            **{str(status): {"description": errors.PROBLEMS[status][1], "content": problem} for status in statuses},
        },
        **({"security": [{"token": [needed]}]} if needed else {}),
    }


def _batch(served: ServedModel) -> dict[str, Any]:
    """What a scoring route takes."""
    content = {
        media_type: {"schema": deepcopy(decoder.schema), "example": decoder.example(served.model)}
        for media_type, decoder in served.decoder.decoders.items()
    }
    body = {"required": True, "description": f"May have Content-Encoding {' or '.join(CODINGS)}.", "content": content}
    return {"parameters": [_PARTIAL, _REQUEST_ID], "requestBody": body}
