import logging
from dataclasses import replace
from itertools import pairwise

import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.registry import loader, versions
from model.registry.references import CHALLENGER, CURRENT, VersionReference
from service.config import DEFAULT_MODEL
from service.metrics.gauges import GAUGES, Seen
from service.metrics.recorder import Metrics
from service.rollout import reloader
from service.rollout.reloader import Reloader
from service.serving import active_models
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from tests import registries
from tests.models import one_input
from tests.registries import holding, publish

FILES = {"champion": CURRENT, "challenger": CHALLENGER}


@pytest.fixture
def clock(monkeypatch):
    """The reloader's clock, set by the test."""
    now = [0.0]
    monkeypatch.setattr(reloader.time, "monotonic", lambda: now[0])
    return now


class Worker:
    """A worker that has looked at the registry once, and the changes it was notified of."""

    def __init__(self, models, sha256=None):
        self.counters, self.changes = SharedCounters(), []
        self.serving = Serving(loader.load(models), 100)
        changed, metrics = (lambda: self.changes.append(self.served())), Metrics(self.counters)
        self.reloader = Reloader(models, self.serving, metrics, changed, sha256)
        self.reloader.look()

    def look(self):
        """The versions of champion and challenger after another look."""
        self.reloader.look()
        return self.served()

    def served(self):
        active = self.serving.active
        return active.champion.model.manifest.version, active.challenger and active.challenger.manifest.version

    def state(self, role="champion"):
        return self.serving.active.states[role]

    def failures(self):
        name = "delivery_risk_model_reload_failures_total"
        return {key[1:]: numbers[0] for key, numbers in self.counters.totals().items() if key[0] == name}


@pytest.fixture
def worker(models):
    return Worker(models)


def refer(models, version, file, digest):
    """Let the registry refer to this file with this digest, or with that of a version."""
    sha256 = digest if len(digest) == 64 else str(versions.get(models, digest).sha256)
    registries.refer(models, VersionReference(version, file, sha256))


def break_file(models):
    (models / "2.npz").write_bytes((models / "2.npz").read_bytes()[:-40])


BROKEN = {
    "file": (break_file, "DigestMismatch"),
    "digest": (lambda models: refer(models, "2", "2.npz", "0" * 64), "DigestMismatch"),
    "version": (lambda models: refer(models, "2", "3.npz", "3"), "VersionMismatch"),
    "nowhere": (lambda models: refer(models, "9", "9.npz", "0" * 64), "Unreadable"),
    "no reference": (lambda models: (models / CURRENT).unlink(), "NothingPromoted"),
    "garbage": (lambda models: (models / CURRENT).write_bytes(b"{\xff"), "BadPointer"),
}


def test_a_promotion_and_a_rollback_are_followed(models, worker):
    versions.promote("2", models)
    assert worker.look() == ("2", None)
    versions.rollback(models)
    assert worker.look() == ("1", None)
    assert worker.failures() == {}
    assert worker.changes[-2:] == [("2", None), ("1", None)]


@pytest.mark.usefixtures("clock")  # so that only another reference ends the pause
@pytest.mark.parametrize(("damage", "kind"), BROKEN.values(), ids=BROKEN)
def test_with_a_broken_registry_the_last_valid_version_is_served_and_the_reason_is_reported(models, worker, damage, kind):
    versions.promote("2", models)
    damage(models)
    assert worker.look() == ("1", None)
    assert worker.state().reason.startswith(f"{kind}: ")
    assert worker.state().served.version == "1"
    assert worker.failures() == {("champion", kind): 1}
    refer(models, "3", "3.npz", "3")
    assert worker.look() == ("3", None)
    assert worker.state().reason is None


@pytest.mark.parametrize(("file", "kind"), [("9.npz", "Unreadable"), ("1.npz", "VersionMismatch")])
def test_a_reference_with_the_digest_of_the_served_version_is_still_checked(models, worker, file, kind):
    refer(models, "8", file, "1")
    assert worker.look() == ("1", None)
    assert (worker.state().served.version, worker.state().served.file) == ("1", "1.npz")
    assert worker.state().reason.startswith(f"{kind}: ")


def test_an_unforeseen_error_does_not_end_the_reloader(models, worker, monkeypatch):
    versions.promote("2", models)
    with monkeypatch.context() as broken:
        broken.setattr(versions, "load", lambda *_, **__: 1 / 0)
        assert worker.look() == ("1", None)
    assert worker.state().reason == "ZeroDivisionError"
    versions.promote("3", models)
    assert worker.look() == ("3", None)


def test_an_invalid_file_is_tried_for_ever_after_pauses_that_double_up_to_a_limit(models, worker, clock):
    valid = (models / "2.npz").read_bytes()
    versions.promote("2", models)
    break_file(models)
    tried_at = []
    for step in range(2000):
        clock[0] = step * 0.1
        before = sum(worker.failures().values())
        assert worker.look() == ("1", None)
        if sum(worker.failures().values()) > before:
            tried_at.append(clock[0])
    pauses = [round(b - a, 1) for a, b in pairwise(tried_at)]
    assert pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    assert max(pauses) == pauses[-1] == pytest.approx(reloader.LONGEST, abs=0.2)
    (models / "2.npz").write_bytes(valid)
    clock[0] += reloader.LONGEST
    assert worker.look() == ("2", None)


def test_a_service_pinned_to_a_digest_takes_no_other_version(models):
    worker = Worker(models, versions.current(models).sha256)
    versions.promote("2", models)
    assert worker.look() == ("1", None)
    assert worker.failures() == {("champion", "DigestMismatch"): 1}


def test_a_challenger_comes_changes_and_goes(models, worker):
    for version in ("2", "3", None):
        versions.challenge(version, models)
        assert worker.look() == ("1", version)
        assert worker.changes[-1] == ("1", version)
    assert worker.state("challenger").served is None
    assert worker.failures() == {}


def test_a_broken_challenger_changes_no_active_model(models, worker):
    versions.challenge("2", models)
    break_file(models)
    assert worker.look() == ("1", None)
    assert worker.failures() == {("challenger", "DigestMismatch"): 1}


def test_a_challenger_leaves_with_the_champion_whose_features_it_takes_and_comes_back_with_it(models, worker):
    made, file = one_input(inputs=[Input("another")]), models.with_name("outside")
    model_file.write(replace(made, manifest=replace(made.manifest, version="4")), file)
    versions.publish(file, models)
    versions.challenge("2", models)
    worker.look()
    versions.promote("4", models)
    assert worker.look() == ("4", None)
    assert worker.serving.active.champion.model.manifest.feature_names == ("another",)
    assert worker.state("challenger").reason.startswith("OtherFeatures: ")
    versions.rollback(models)
    assert worker.look() == ("1", "2")


@pytest.mark.parametrize("damage", ["nowhere", "no reference", "garbage"])
def test_a_new_worker_with_a_broken_registry_serves_what_the_others_do(models, worker, damage):
    versions.promote("2", models)
    assert worker.look() == ("2", None)
    BROKEN[damage][0](models)
    young = Serving(model_file.loads((models / "1.npz").read_bytes()), 100)
    young.worker_states = worker.serving.worker_states
    young.attach(0)
    Reloader(models, young, Metrics(SharedCounters()), lambda: None).start()
    assert young.active.champion.model.manifest.version == "2"
    assert young.active.states["champion"].reason is not None


def test_a_worker_whose_predecessor_ended_before_it_was_ready_serves_the_last_change(models, worker):
    versions.promote("2", models)
    assert worker.look() == ("2", None)
    (models / CURRENT).write_bytes(b"{")
    for _ in range(2):
        young = Serving(model_file.loads((models / "1.npz").read_bytes()), 100)
        young.worker_states = worker.serving.worker_states
        young.attach(0)
    Reloader(models, young, Metrics(SharedCounters()), lambda: None).start()
    assert young.active.champion.model.manifest.version == "2"
    assert young.worker_states.next_change() > worker.state("champion").change


def test_a_new_worker_serves_the_last_change_though_the_clock_was_set_back(models, monkeypatch):
    now = [1e9]
    monkeypatch.setattr(active_models.time, "time", lambda: now[0])
    one = loader.load(models)
    first = Serving(one, 100)

    def worker(slot):
        serving = Serving(one, 100)
        serving.worker_states = first.worker_states
        serving.attach(slot)
        return Reloader(models, serving, Metrics(SharedCounters()), lambda: None), serving

    (early, _), (late, _) = worker(1), worker(2)
    now[0] += 10
    versions.promote("2", models)
    early.look()
    now[0] -= 3600
    versions.promote("3", models)
    late.look()
    (models / CURRENT).write_bytes(b"{")
    young, serving = worker(3)
    young.start()
    assert serving.active.champion.model.manifest.version == "3"
    shown = GAUGES["delivery_risk_model_reload_timestamp_seconds"]
    states = [state.states["champion"] for state in serving.worker_states.all()]
    assert shown.read(Seen({"champion": states}, one.manifest, {})) == {("champion",): now[0]}


def test_a_service_that_starts_with_the_newest_version_broken_takes_the_one_before(models):
    for version in "23":
        versions.promote(version, models)
    (models / "3.npz").write_bytes(b"")
    assert loader.last_valid(models).manifest.version == "2"
    break_file(models)
    assert loader.last_valid(models).manifest.version == "1"


@pytest.fixture
def logged(caplog):
    """The role and the message of each line that a worker logs when it looks again."""
    caplog.set_level(logging.INFO, "delivery_risk.reload")

    def look(worker):
        caplog.clear()
        worker.look()
        return [(record.role, record.message) for record in caplog.records]

    return look


def test_a_change_to_an_illustrative_model_is_logged_as_a_warning_once(tmp_path, caplog):
    models = holding(tmp_path / "registry", "", "")
    publish(models, "8", name="delivery-risk")
    versions.publish(DEFAULT_MODEL, models)
    for version in ("1.0.0", "8"):
        versions.promote(version, models)
    worker = Worker(models)
    assert caplog.records == []
    versions.rollback(models)
    assert worker.look() == worker.look() == ("1.0.0", None)
    (warned,) = caplog.records
    assert (warned.levelname, warned.model_version) == ("WARNING", "1.0.0")
    assert warned.message.startswith("the model is illustrative: its weights were set by hand, not learned")


@pytest.mark.parametrize("role", FILES)
def test_a_reference_that_is_broken_and_repaired_changes_nothing(models, worker, logged, role):
    file = models / FILES[role]
    versions.promote("2", models)
    versions.challenge("3", models)
    assert logged(worker) == [("champion", "model changed"), ("challenger", "model changed")]
    before, valid = worker.state(role), file.read_bytes()
    file.write_bytes(b"{")
    assert logged(worker) == [(role, "model not changed")]
    assert worker.state(role).reason.startswith("BadPointer: ")
    file.write_bytes(valid)
    assert logged(worker) == [(role, "model is as wanted again")]
    assert worker.state(role) == before


def test_a_worker_that_starts_with_a_broken_reference_logs_no_change_once_it_is_repaired(models, logged):
    serving, valid = Serving(loader.load(models), 100), (models / CURRENT).read_bytes()
    (models / CURRENT).write_bytes(b"{")
    young = Reloader(models, serving, Metrics(SharedCounters()), lambda: None)
    assert logged(young) == [("champion", "model not changed")]
    (models / CURRENT).write_bytes(valid)
    assert logged(young) == [("champion", "model is as wanted again")]
    assert serving.active.states["champion"].reason is None


def test_a_promotion_that_repairs_a_broken_reference_is_a_change(models, worker, logged):
    change = worker.state().change
    (models / CURRENT).write_bytes(b"{")
    worker.look()
    versions.promote("2", models)
    assert logged(worker) == [("champion", "model changed")]
    assert worker.state().change > change
