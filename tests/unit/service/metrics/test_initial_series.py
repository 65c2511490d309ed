from dataclasses import replace

import numpy as np
import pytest
from service.metrics.initial_series import ZEROS

from model.core.manifest import Feature
from model.core.network import Network
from model.packaged import packaged_model
from model.registry import loader, versions
from model.registry.references import VersionReference
from service import config
from service.metrics import initial_series
from service.metrics.recorder import METRICS, Metrics
from service.rollout.reloader import Reloader
from service.serving.active_models import Serving
from service.shared import counters
from service.shared.counters import UNRECORDED, SharedCounters
from service.telemetry.tracing import Tracer
from service.web.application import create_app
from service.web.concurrency_limit import ConcurrencyLimit
from tests.models import layer, model_of
from tests.registries import publish
from tests.servers import running

UNFORESEEN = {
    "delivery_risk_requests_by_caller_total",
    "delivery_risk_model_reload_failures_total",
    "delivery_risk_metrics_unrecorded_total",
}


@pytest.fixture
def counts():
    return SharedCounters()


def of_version(model, version):
    return replace(model, manifest=replace(model.manifest, version=version))


def test_every_metric_has_zeros_but_those_whose_labels_only_an_event_can_tell():
    assert ZEROS.keys() | UNFORESEEN == METRICS.keys()


def test_the_first_batches_and_errors_count_on_series_that_were_there(counts, order):
    settings, metrics = config.load({}), Metrics(counts)
    stage = Serving(loader.load(settings.model), settings.max_orders)
    client = create_app(settings, stage, metrics, ConcurrencyLimit(settings, metrics), Tracer({})).test_client()
    initial_series.show(counts, stage.active)
    shown = counts.totals()
    assert not any(cells.any() for cells in shown.values())
    batch = [order, order | {"order_id": "B", "backlog": 1e6}, order | {"order_id": "C", "backlog": None}]
    for query, status in (("", 422), ("?on_error=partial", 200)):
        assert client.post(f"/score{query}", json={"orders": batch}).status_code == status
    assert client.post("/score", data="{", content_type="application/json").status_code == 400
    found = counts.totals()
    assert found.keys() == shown.keys()
    assert sum(cells.any() for cells in found.values()) == 16


@pytest.mark.parametrize("slots", ["1", "2"])
def test_a_service_that_has_just_started_shows_its_errors_at_zero(slots):
    with running(DELIVERY_RISK_WORKERS=slots) as server:
        found = server.metrics()
    for status in (200, 400, 401, 422, 500, 503):
        assert found[f'http_request_duration_seconds_count{{method="POST",route="/score",status="{status}"}}'] == 0
    assert found['delivery_risk_requests_overdue_total{stage="compute"}'] == 0
    assert found['delivery_risk_requests_shed_total{reason="busy"}'] == 0
    assert found['delivery_risk_orders_total{model_version="1.0.0",queue="review"}'] == 0
    assert not [name for name in found if name.startswith("delivery_risk_challenger")]


def test_a_version_is_shown_at_zero_when_it_is_promoted_and_a_challenger_when_it_is_tried(counts, tmp_path):
    directory = tmp_path / "models"
    directory.mkdir()
    for version in "12":
        publish(directory, version, float(version))
    versions.promote("1", directory)
    follower = Reloader(directory, Serving(loader.load(directory), 100), Metrics(counts))
    versions.promote("2", directory)
    follower.look()
    assert counts.totals()["delivery_risk_orders_total", "2", "review"].tolist() == [0]
    versions.challenge("1", directory)
    follower.look()
    found = counts.totals()
    assert [found["delivery_risk_challenger_batches_total", "1", each][0] for each in ("scored", "dropped", "failed")] == [
        0
    ] * 3
    assert found["delivery_risk_challenger_queue_changes_total", "2", "1", "review_to_monitor"].tolist() == [0]


def test_a_wide_model_and_a_hundred_versions_of_it_find_room(counts):
    features = [Feature(f"{'x' * 61}{number:03}") for number in range(64)]
    wide = model_of(Network([layer([[1.0] * 64], [0.0])]), features=features)
    stage = Serving(wide, 100)
    for number in range(100):
        version = f"2026.{number}.0"
        stage.champion(of_version(wide, version), VersionReference(version, f"{version}.npz", "0" * 64))
        stage.challenger(of_version(wide, f"{version}-next"), None)
        initial_series.show(counts, stage.active)
    found = counts.totals()
    assert sum(key[0] == "delivery_risk_challenger_batches_total" for key in found) == 300
    assert found[UNRECORDED].tolist() == [0]


def test_where_there_is_no_room_nothing_is_unrecorded_until_something_happens(monkeypatch):
    monkeypatch.setattr(counters, "NUMBERS", 1)
    full, model = SharedCounters(), packaged_model()
    initial_series.show(full, Serving(model, 100).active)
    assert {key: cells.tolist() for key, cells in full.totals().items()} == {UNRECORDED: [0]}
    np.asarray(full.series(("an event",), 1))[:] += 1
    assert full.totals()[UNRECORDED].tolist() == [1]
