"""A pointer that was broken and leads to the same model again: the trouble is over, and nothing has changed."""

import logging

import pytest

from model.registry import loader, references, versions
from service.metrics.recorder import Metrics
from service.rollout.reloader import Reloader
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters

FILES = {"champion": references.CURRENT, "challenger": references.CHALLENGER}


@pytest.fixture
def stage(models):
    return Serving(loader.load(models), 100)


@pytest.fixture
def look(models, stage, caplog):
    """Have a worker look at the store; what it logs."""
    caplog.set_level(logging.INFO, "delivery_risk.reload")
    follower = Reloader(models, stage, Metrics(SharedCounters()))

    def look():
        caplog.clear()
        follower.look()
        return [(record.role, record.message) for record in caplog.records]

    return look


def broken_and_repaired(file, look):
    sound = file.read_bytes()
    file.write_bytes(b"{")
    yield look()
    file.write_bytes(sound)
    yield look()


@pytest.mark.parametrize("role", FILES)
def test_the_worker_goes_on_as_if_it_had_never_been_broken(models, stage, look, role):
    look()
    versions.promote("2", models)
    versions.challenge("3", models)
    assert look() == [("champion", "model changed"), ("challenger", "model changed")]
    before = stage.active.states[role]
    steps = broken_and_repaired(models / FILES[role], look)
    assert next(steps) == [(role, "model not changed")]
    assert stage.active.states[role].reason.startswith("BadPointer: ")
    assert next(steps) == [(role, "model is as wanted again")]
    assert stage.active.states[role] == before


def test_a_worker_that_starts_meanwhile_and_serves_that_model_tells_of_no_change(models, stage, look):
    steps = broken_and_repaired(models / references.CURRENT, look)
    assert next(steps) == [("champion", "model not changed")]
    assert next(steps) == [("champion", "model is as wanted again")]
    assert stage.active.states["champion"].reason is None


def test_a_promotion_that_mends_it_to_another_version_is_a_change(models, stage, look):
    look()
    since = stage.active.states["champion"].since
    (models / references.CURRENT).write_bytes(b"{")
    look()
    versions.promote("2", models)
    assert look() == [("champion", "model changed")]
    assert stage.active.states["champion"].since > since
