"""Series of versions out of use: no longer shown, then given back, with no total that ever decreases."""

from collections import defaultdict
from dataclasses import replace

from model.registry.references import VersionReference
from service.metrics.collector import MetricsCollector
from service.metrics.definitions import Known
from service.metrics.recorder import Metrics
from service.metrics.retention import KEPT, SHOWN
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from service.shared.look_times import LookTimes
from tests.models import one_input

ORDERS = "delivery_risk_orders_total"


class Workers:
    """Two workers of one service, in this process."""

    def __init__(self):
        self.counts = SharedCounters()
        self.servings = {slot: Serving(one_input(), 100) for slot in (1, 2)}
        for slot, serving in self.servings.items():
            serving.worker_states = self.servings[1].worker_states
            serving.attach(slot)
        self.metrics = {slot: Metrics(self.counts) for slot in self.servings}

    def serve(self, slot, version):
        """Let the worker serve this version and answer an order."""
        serving, metrics, model = self.servings[slot], self.metrics[slot], one_input()
        self.counts.attach(slot)
        model = replace(model, manifest=replace(model.manifest, version=version), sha256=version)
        serving.set_champion(model, VersionReference(version, "x.npz", version))
        metrics.show_initial(Known(serving.active, []))
        metrics.count(ORDERS, version, "review")

    def shown(self):
        """The orders that a scrape shows, by version."""
        found = defaultdict(float)
        for family in MetricsCollector(self.counts, self.servings[1], LookTimes()).collect():
            for sample in family.samples:
                if sample.name == ORDERS:
                    found[sample.labels["model_version"]] += sample.value
        return found

    def entered(self, version):
        return (ORDERS, version, "review") in self.counts.totals()


def test_versions_out_of_use_are_hidden_then_given_back_and_no_total_decreases():
    workers, before = Workers(), {}
    for number in range(3 * KEPT):
        for slot in (1, 2):
            workers.serve(slot, f"{number}")
            shown = workers.shown()
            assert shown[f"{number}"] == slot
            assert all(shown[version] >= before.get(version, 0) for version in shown)
            assert len(shown) <= SHOWN + 1
            before = shown
    assert not workers.entered("0")
    assert workers.entered(f"{3 * KEPT - SHOWN}")


def test_a_version_that_a_worker_still_serves_is_shown_and_one_served_again_continues():
    workers = Workers()
    workers.serve(1, "old")
    for number in range(SHOWN - 1):
        workers.serve(2, f"{number}")
    assert workers.shown()["old"] == 1
    for number in range(SHOWN - 1, SHOWN + 4):
        workers.serve(2, f"{number}")
    assert workers.shown()["old"] == 1
    workers.serve(1, f"{SHOWN + 3}")
    assert "old" not in workers.shown()
    workers.serve(2, "old")
    assert workers.shown()["old"] == 2
