"""The initial series: what the table shows at 0 before anything happens."""

from dataclasses import replace

import numpy as np
import pytest

from model.core.manifest import Feature, Input
from model.core.network import Network
from model.registry import versions
from model.registry.references import VersionReference
from service.metrics.definitions import COUNTED_VALUES, METRICS, Known
from service.metrics.recorder import Metrics
from service.metrics.retention import KEPT
from service.serving.active_models import Serving
from service.shared import counters
from service.shared.counters import UNRECORDED, SharedCounters
from tests.apps import service_of
from tests.models import layer, model_of, one_input
from tests.raw_orders import FEATURES, INPUTS, ORDERS, raw_model

ROUTES = [("POST", "/score")]
NEVER_LOST = {
    "delivery_risk_requests_lost_total",
    "delivery_risk_requests_overdue_total",
    "delivery_risk_requests_in_progress",
    "delivery_risk_workers_started_total",
    "delivery_risk_metrics_unrecorded_total",
}


def test_every_metric_has_initial_series_but_those_whose_labels_only_an_event_can_name():
    never = {name for name, metric in METRICS.items() if () in metric.labels.values() and metric.series is None}
    assert never == {"delivery_risk_requests_by_caller_total", "delivery_risk_model_reload_failures_total"}


def test_the_first_batches_and_errors_count_on_initial_series(order):
    service = service_of()
    counts, client = service.metrics.counters, service.app.test_client()
    service.show_initial_series()
    shown = counts.totals()
    assert not any(numbers.any() for numbers in shown.values())
    batch = [order, order | {"order_id": "B", "backlog": 1e6}, order | {"order_id": "C", "backlog": None}]
    for query, status in (("", 422), ("?on_error=partial", 200)):
        assert client.post(f"/score{query}", json={"orders": batch}).status_code == status
    assert client.post("/score", data="{", content_type="application/json").status_code == 400
    found = counts.totals()
    assert found.keys() == shown.keys()
    assert sum(numbers.any() for numbers in found.values()) == 16


def test_categories_have_initial_series_for_their_own_values_alone():
    values = [tuple(f"{number}" for number in range(count)) for count in (COUNTED_VALUES, COUNTED_VALUES + 1)]
    many = Input("many", kind="category", values=values[0]), Input("more", kind="category", values=values[1])
    model = raw_model(
        (*INPUTS, *many),
        (*FEATURES, *(Feature(e.name, e.name, "is", ("1",)) for e in many)),
        {"many": "1", "more": "1"} | ORDERS[0],
    )
    counts = SharedCounters()
    Metrics(counts).show_initial(Known(Serving(model, 100).active, ROUTES))
    shown = [key[1:] for key in counts.totals() if key[0] == "delivery_risk_category_orders_total"]
    known = [each for each in (*INPUTS, many[0]) if each.kind == "category"]
    assert shown == [(each.name, value) for each in known for value in each.values]


def test_a_promoted_version_and_a_challenger_are_shown_at_zero(models):
    service = service_of(model=str(models))
    versions.promote("2", models)
    service.reloader.look()
    counts = service.metrics.counters
    assert counts.totals()["delivery_risk_orders_total", "2", "review"].tolist() == [0]
    versions.challenge("1", models)
    service.reloader.look()
    found = counts.totals()
    for outcome in ("scored", "dropped", "failed"):
        assert found["delivery_risk_challenger_batches_total", "1", outcome].tolist() == [0]
    assert found["delivery_risk_challenger_queue_changes_total", "2", "1", "review_to_monitor"].tolist() == [0]


MANY = [(1, 100), (4096, 1), pytest.param(1, 10_000, marks=pytest.mark.long), pytest.param(4096, 10, marks=pytest.mark.long)]


@pytest.mark.parametrize(("features", "promotions"), MANY)
def test_no_series_is_lost_in_ten_thousand_promotions_or_with_thousands_of_features(features, promotions):
    named = [Input(f"{'x' * 60}{number:04}") for number in range(features)]
    wide = model_of(Network([layer([[1.0] * features], [0.0])]), inputs=named)
    serving, counts = Serving(wide, 100), SharedCounters()
    for number in range(promotions):
        names = f"2026.{number}.0", f"2026.{number}.0-next"
        version, following = (replace(wide, manifest=replace(wide.manifest, version=name)) for name in names)
        serving.set_champion(version, VersionReference(version.manifest.version, "x.npz", "0" * 64))
        serving.set_challenger(following, None)
        Metrics(counts).show_initial(Known(serving.active, ROUTES))
    found = counts.totals()
    for outcome in ("scored", "dropped", "failed"):
        assert ("delivery_risk_challenger_batches_total", names[1], outcome) in found
    assert sum(key[0] == "delivery_risk_orders_total" for key in found) <= 2 * KEPT
    assert sum(key[0] == "delivery_risk_feature_zscore" for key in found) == features
    assert found[UNRECORDED].tolist() == [0]


def test_what_must_never_be_lost_is_entered_first(monkeypatch):
    monkeypatch.setattr(counters, "NUMBERS", 2 * (len(NEVER_LOST) + 2))
    full = SharedCounters()
    Metrics(full).show_initial(Known(Serving(one_input(), 100).active, ROUTES))
    assert {key[0] for key in full.totals()} == NEVER_LOST


def test_initial_series_without_room_drop_no_update(monkeypatch):
    monkeypatch.setattr(counters, "NUMBERS", 2)
    full = SharedCounters()
    Metrics(full).show_initial(Known(Serving(one_input(), 100).active, ROUTES))
    assert {key: numbers.tolist() for key, numbers in full.totals().items()} == {UNRECORDED: [0]}
    np.asarray(full.series(("an event",), 1))[:] += 1
    assert full.totals()[UNRECORDED].tolist() == [1]
