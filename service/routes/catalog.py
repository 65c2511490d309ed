"""GET /model, /version and /openapi.json: what is served here, in full."""

import platform
from typing import Any

import msgspec
import numpy as np
from flask import Blueprint, Response, request

from model.risk import RiskModel
from schemas import catalog
from service import release


def blueprint(model: RiskModel, document: dict[str, Any]) -> Blueprint:
    """The routes for this model and its OpenAPI document."""
    routes = Blueprint("catalog", __name__)
    text = msgspec.json.encode(document)

    @routes.get("/model")
    def card() -> dict[str, Any]:
        return catalog.card(model)

    @routes.get("/version")
    def version() -> dict[str, str]:
        return {
            "service_version": release.VERSION,
            "python_version": platform.python_version(),
            "numpy_version": np.__version__,
            "model_version": model.manifest.version,
        }

    @routes.get("/openapi.json")
    def openapi_document() -> Response:
        response = Response(text, content_type="application/json")
        response.add_etag()
        response.make_conditional(request.environ)
        return response

    return routes
