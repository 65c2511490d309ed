"""A pointer that was broken and leads to the same model again: the trouble is over, and nothing has changed."""

import logging

import pytest

from model import pointer, registry, store
from service.lineup import Stage
from service.metrics import Metrics
from service.reload import Follower
from service.tally import Tally

FILES = {"champion": pointer.CURRENT, "challenger": pointer.CHALLENGER}


@pytest.fixture
def stage(models):
    return Stage(registry.load(models), 100)


@pytest.fixture
def look(models, stage, caplog):
    """Have a worker look at the store; what it logs."""
    caplog.set_level(logging.INFO, "delivery_risk.reload")
    follower = Follower(models, stage, Metrics(Tally()))

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
    store.promote("2", models)
    store.challenge("3", models)
    assert look() == [("champion", "model changed"), ("challenger", "model changed")]
    before = stage.lineup.states[role]
    steps = broken_and_repaired(models / FILES[role], look)
    assert next(steps) == [(role, "model not changed")]
    assert stage.lineup.states[role].reason.startswith("BadPointer: ")
    assert next(steps) == [(role, "model is as wanted again")]
    assert stage.lineup.states[role] == before


def test_a_worker_that_starts_meanwhile_and_serves_that_model_tells_of_no_change(models, stage, look):
    steps = broken_and_repaired(models / pointer.CURRENT, look)
    assert next(steps) == [("champion", "model not changed")]
    assert next(steps) == [("champion", "model is as wanted again")]
    assert stage.lineup.states["champion"].reason is None


def test_a_promotion_that_mends_it_to_another_version_is_a_change(models, stage, look):
    look()
    since = stage.lineup.states["champion"].since
    (models / pointer.CURRENT).write_bytes(b"{")
    look()
    store.promote("2", models)
    assert look() == [("champion", "model changed")]
    assert stage.lineup.states["champion"].since > since
