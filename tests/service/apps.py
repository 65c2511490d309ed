"""Applications to test in this process."""

from flask import Flask

from model import registry
from service import config
from service.admission import Admission
from service.app import create_app
from service.config import Settings
from service.lineup import Stage
from service.metrics import Metrics
from service.tally import Tally
from service.tracing import Tracer


def app_of(**given: str) -> Flask:
    """The application under these settings, given by their names without the prefix."""
    return app_and_stage(**given)[0]


def app_and_stage(**given: str) -> tuple[Flask, Stage]:
    """The same, and the stage of what it serves."""
    settings = config.load({config.variable(name): value for name, value in given.items()})
    stage = Stage(registry.load(settings.model), settings.max_orders)
    return app_on(stage, settings), stage


def app_on(stage: Stage, settings: Settings) -> Flask:
    """An application that serves what stands on the stage."""
    metrics = Metrics(Tally())
    return create_app(settings, stage, metrics, Admission(settings, metrics), Tracer({}))
