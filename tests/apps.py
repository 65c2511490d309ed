"""Applications to test in this process."""

from flask import Flask

from model.registry import loader
from service import config
from service.config import Settings
from service.metrics.recorder import Metrics
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from service.telemetry.tracing import Tracer
from service.web.application import create_app
from service.web.concurrency_limit import ConcurrencyLimit


def app_of(**given: str) -> Flask:
    """The application under these settings, given by their names without the prefix."""
    return app_and_stage(**given)[0]


def app_and_stage(**given: str) -> tuple[Flask, Serving]:
    """The same, and the stage of what it serves."""
    settings = config.load({config.variable(name): value for name, value in given.items()})
    stage = Serving(loader.load(settings.model), settings.max_orders)
    return app_on(stage, settings), stage


def app_on(stage: Serving, settings: Settings) -> Flask:
    """An application that serves what stands on the stage."""
    metrics = Metrics(SharedCounters())
    return create_app(settings, stage, metrics, ConcurrencyLimit(settings, metrics), Tracer({}))
