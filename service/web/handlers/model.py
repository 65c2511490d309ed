"""GET /model and /version: what is served, and by which versions."""

import platform
from typing import Any

import numpy as np
from flask import Request

from schemas import model_card
from service.version import VERSION
from service.web.route import Components


def model(components: Components, _: Request) -> dict[str, Any]:
    """The model card of the champion, and the states of champion and challenger in this worker."""
    active = components.serving.active
    settings = components.settings
    return model_card.card(active.champion.model, active.states, settings.out_of_range, settings.holdout)


def version(components: Components, _: Request) -> dict[str, str]:
    """The versions of the service, of Python, of NumPy and of the model."""
    return {
        "service_version": VERSION,
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
        "model_version": components.serving.active.champion.model.manifest.version,
    }
