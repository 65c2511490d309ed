"""GET /model, /version and /openapi.json: what is served here, in full."""

import platform
from typing import Any

import msgspec
import numpy as np
from flask import Blueprint, Response, request

from schemas import model_card
from service.config import Settings
from service.serving.active_models import Serving
from service.version import VERSION
from service.web import openapi


def blueprint(stage: Serving, settings: Settings) -> Blueprint:
    """The routes for what stands on the stage, under these settings."""
    routes = Blueprint("catalog", __name__)

    @routes.get("/model")
    def card() -> dict[str, Any]:
        active = stage.active
        return model_card.card(active.champion.model, active.states, settings.out_of_range)

    @routes.get("/version")
    def version() -> dict[str, str]:
        return {
            "service_version": VERSION,
            "python_version": platform.python_version(),
            "numpy_version": np.__version__,
            "model_version": stage.active.champion.model.manifest.version,
        }

    @routes.get("/openapi.json")
    def openapi_document() -> Response:
        text = msgspec.json.encode(openapi.document(stage.active.champion, closed=settings.tokens_file is not None))
        response = Response(text, content_type="application/json")
        response.add_etag()
        response.make_conditional(request.environ)
        return response

    return routes
