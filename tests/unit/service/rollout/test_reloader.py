from dataclasses import replace
from itertools import pairwise

import pytest

from model.artifact import model_file
from model.core.manifest import Feature
from model.registry import loader, references, versions
from model.registry.references import VersionReference
from service.metrics.recorder import Metrics
from service.rollout import reloader
from service.rollout.reloader import Reloader
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from tests.models import one_input


@pytest.fixture
def clock(monkeypatch):
    """The follower's clock, to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(reloader.time, "monotonic", lambda: now[0])
    return now


class Worker:
    """A follower, its stage and what it counts."""

    def __init__(self, models, sha256=None):
        self.counters = SharedCounters()
        self.stage = Serving(loader.load(models), 100)
        self.follower = Reloader(models, self.stage, Metrics(self.counters), sha256)
        self.follower.look()

    def look(self):
        self.follower.look()
        return self.version()

    def version(self):
        return self.stage.active.champion.model.manifest.version

    def challenger(self):
        tried = self.stage.active.challenger
        return tried and tried.manifest.version

    def failures(self):
        name = "delivery_risk_model_reload_failures_total"
        return {key[1:]: cells[0] for key, cells in self.counters.totals().items() if key[0] == name}


def publish_with_other_features(models, version):
    made = one_input(features=[Feature("another")])
    file = models.with_name("outside")
    model_file.write(replace(made, manifest=replace(made.manifest, version=version)), file)
    versions.publish(file, models)


def break_file(models):
    (models / "2.npz").write_bytes((models / "2.npz").read_bytes()[:-40])


def point_at_another_digest(models):
    references.write(models, ".draft-", [VersionReference("2", "2.npz", "0" * 64)])


def point_at_another_version(models):
    references.write(models, ".draft-", [VersionReference("2", "3.npz", str(versions.get(models, "3").sha256))])


def point_nowhere(models):
    references.write(models, ".draft-", [VersionReference("9", "9.npz", "0" * 64)])


def remove_pointer(models):
    (models / references.CURRENT).unlink()


def write_garbage(models):
    (models / references.CURRENT).write_bytes(b"{\xff")


BROKEN = [
    (break_file, "DigestMismatch"),
    (point_at_another_digest, "DigestMismatch"),
    (point_at_another_version, "VersionMismatch"),
    (point_nowhere, "Unreadable"),
    (remove_pointer, "NothingPromoted"),
    (write_garbage, "BadPointer"),
]


def test_a_promotion_is_followed(models):
    worker = Worker(models)
    assert worker.look() == "1"
    versions.promote("2", models)
    assert worker.look() == "2"
    versions.rollback(models)
    assert worker.look() == "1"
    assert worker.failures() == {}


@pytest.mark.parametrize(("damage", "kind"), BROKEN)
def test_whatever_is_broken_the_last_good_version_is_served_and_the_reason_told(models, damage, kind):
    worker = Worker(models)
    versions.promote("2", models)
    damage(models)
    assert worker.look() == "1"
    assert worker.stage.active.states["champion"].reason.startswith(f"{kind}: ")
    assert worker.stage.active.states["champion"].served.version == "1"
    assert worker.failures() == {("champion", kind): 1}
    references.write(models, ".draft-", [VersionReference("3", "3.npz", str(versions.get(models, "3").sha256))])
    assert worker.look() == "3"
    assert worker.stage.active.states["champion"].reason is None


@pytest.mark.parametrize(("file", "kind"), [("9.npz", "Unreadable"), ("1.npz", "VersionMismatch")])
def test_another_version_is_not_taken_for_the_one_that_is_served_because_it_is_said_to_have_its_digest(models, file, kind):
    worker = Worker(models)
    references.write(models, ".draft-", [VersionReference("8", file, str(versions.get(models, "1").sha256))])
    assert worker.look() == "1"
    state = worker.stage.active.states["champion"]
    assert (state.served.version, state.served.file) == ("1", "1.npz")
    assert state.reason.startswith(f"{kind}: ")


def test_an_error_that_no_one_foresaw_does_not_end_the_following(models, monkeypatch):
    worker = Worker(models)
    versions.promote("2", models)
    with monkeypatch.context() as broken:
        broken.setattr(versions, "load", lambda *_, **__: 1 / 0)
        assert worker.look() == "1"
    assert worker.stage.active.states["champion"].reason == "ZeroDivisionError"
    versions.promote("3", models)
    assert worker.look() == "3"


def test_a_bad_file_is_tried_for_ever_after_pauses_that_double_up_to_a_limit(models, clock):
    worker = Worker(models)
    sound = (models / "2.npz").read_bytes()
    versions.promote("2", models)
    break_file(models)
    tried_at = []
    for step in range(2000):
        clock[0] = step * 0.1
        before = sum(worker.failures().values())
        assert worker.look() == "1"
        if sum(worker.failures().values()) > before:
            tried_at.append(clock[0])
    pauses = [round(b - a, 1) for a, b in pairwise(tried_at)]
    assert pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    assert max(pauses) == pauses[-1] == pytest.approx(reloader.LONGEST, abs=0.2)
    (models / "2.npz").write_bytes(sound)
    clock[0] += reloader.LONGEST
    assert worker.look() == "2"


def test_a_pause_ends_when_the_pointer_changes(models, clock):
    worker = Worker(models)
    versions.promote("2", models)
    break_file(models)
    worker.look()
    versions.promote("3", models)
    assert worker.look() == "3"


def test_a_service_pinned_to_a_digest_takes_no_other_version(models):
    worker = Worker(models, versions.current(models).sha256)
    versions.promote("2", models)
    assert worker.look() == "1"
    assert worker.failures() == {("champion", "DigestMismatch"): 1}


def test_the_features_of_a_new_version_are_the_contract_at_once(models):
    publish_with_other_features(models, "4")
    worker = Worker(models)
    versions.promote("4", models)
    assert worker.look() == "4"
    assert worker.stage.active.champion.decoder.validator.features == ("another",)


def test_a_challenger_comes_changes_and_goes(models):
    worker = Worker(models)
    assert worker.challenger() is None
    for version in "23":
        versions.challenge(version, models)
        worker.look()
        assert worker.challenger() == version
    versions.challenge(None, models)
    worker.look()
    assert worker.challenger() is None
    assert worker.stage.active.states["challenger"].served is None
    assert worker.failures() == {}


def test_a_challenger_that_is_broken_leaves_the_lineup_as_it_was(models):
    worker = Worker(models)
    versions.challenge("2", models)
    break_file(models)
    worker.look()
    assert (worker.version(), worker.challenger()) == ("1", None)
    assert worker.failures() == {("challenger", "DigestMismatch"): 1}


def test_a_challenger_leaves_with_the_champion_whose_features_it_takes_and_comes_back_with_it(models):
    publish_with_other_features(models, "4")
    worker = Worker(models)
    versions.challenge("2", models)
    worker.look()
    versions.promote("4", models)
    worker.look()
    assert (worker.version(), worker.challenger()) == ("4", None)
    assert worker.stage.active.states["challenger"].reason.startswith("OtherFeatures: ")
    versions.rollback(models)
    worker.look()
    assert (worker.version(), worker.challenger()) == ("1", "2")


@pytest.mark.parametrize("damage", [point_nowhere, remove_pointer, write_garbage])
def test_a_new_worker_that_finds_the_newest_broken_serves_what_the_others_do(models, damage):
    worker = Worker(models)
    versions.promote("2", models)
    assert worker.look() == "2"
    damage(models)
    young = Serving(model_file.loads((models / "1.npz").read_bytes()), 100)
    young.worker_states = worker.stage.worker_states
    young.attach(0)
    Reloader(models, young, Metrics(SharedCounters())).start()
    assert young.active.champion.model.manifest.version == "2"
    assert young.active.states["champion"].reason is not None


def test_a_service_that_starts_while_the_newest_is_broken_takes_the_one_before(models):
    for version in "23":
        versions.promote(version, models)
    (models / "3.npz").write_bytes(b"")
    assert loader.last_valid(models).manifest.version == "2"
    break_file(models)
    assert loader.last_valid(models).manifest.version == "1"
