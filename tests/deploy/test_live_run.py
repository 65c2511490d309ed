"""The programs of deploy/ in a live run, calm and then troubled: what Prometheus records and raises, and who is told."""

import math
from collections import defaultdict

import pytest

from tests.deploy.crowd import FEATURES
from tests.deploy.monitoring import CHALLENGER, CHAMPION, Watch
from tests.deploy.promql import FOREIGN, recorded
from tests.deploy.promtool import ALERTS, CONSTANT, EXPRESSIONS
from tests.deploy.runbook import queries

pytestmark = pytest.mark.deploy


def test_every_rule_evaluates_and_every_recording_rule_gives_a_number(watch: Watch):
    found = watch.watched.rules()
    assert {rule["name"] for rule in found} == set(EXPRESSIONS)
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    values = {name: [float(s["value"][1]) for s in watch.watched.query(name, watch.at)] for name in recorded()}
    assert [name for name, numbers in values.items() if not numbers or not all(map(math.isfinite, numbers))] == []


def test_in_calm_no_alert_fires_but_the_one_that_always_does(watch: Watch):
    assert watch.in_calm == CONSTANT


def test_a_shifted_stream_of_orders_raises_the_drift_alerts_and_they_reach_the_receiver(watch: Watch):
    drift = {"DeliveryRiskScoresDrift", "DeliveryRiskFeatureDrifts", "DeliveryRiskReviewShareAway"}
    assert set(watch.told) >= drift | {"DeliveryRiskRequestsRejected"} | CONSTANT
    receivers = {"page": "pages", "ticket": "tickets", "watchdog": "watchdog"}
    assert all(receiver == receivers[ALERTS[name]["labels"]["severity"]] for name, receiver in watch.told.items())
    assert {rule["annotations"]["runbook_url"] for rule in ALERTS.values()} >= {
        alert["annotations"]["runbook_url"] for _, message in watch.watched.messages for alert in message["alerts"]
    }


def test_every_order_that_was_answered_is_counted_over_all_replicas(watch: Watch):
    assert sum(float(s["value"][1]) for s in watch.watched.query("delivery_risk_orders_total")) == watch.answered > 20_000


@pytest.mark.parametrize(
    ("index", "share", "reference", "series", "bins"),
    [
        ("score_drift", "score_bin", "reference_score", 1, 21),
        ("feature_drift", "zscore_bin", "reference_zscore", len(FEATURES), 16),
    ],
)
def test_the_stability_index_is_that_of_the_textbook(watch: Watch, index, share, reference, series, bins):
    def shares(name):
        found = defaultdict(dict)
        for one in watch.watched.query(f"delivery_risk:{name}", watch.at):
            labels = one["metric"]
            found[labels["model_version"], labels.get("feature")][labels["above"], labels["le"]] = float(one["value"][1])
        return found

    answered, expected = shares(f"{share}:ratio"), shares(f"{reference}:ratio")
    indices = watch.watched.query(f"delivery_risk:{index}:psi", watch.at)
    assert len(indices) == len(answered) == len(expected) == series
    for one in indices:
        key = one["metric"]["model_version"], one["metric"].get("feature")
        assert answered[key].keys() == expected[key].keys()
        assert len(answered[key]) == bins
        assert sum(answered[key].values()) == pytest.approx(1, abs=1e-3)
        assert sum(expected[key].values()) == pytest.approx(1)
        pairs = [(max(answered[key][edges], 0.0005), max(expected[key][edges], 0.0005)) for edges in expected[key]]
        # The shares may be those of the evaluation a second before.
        assert float(one["value"][1]) == pytest.approx(sum((a - r) * math.log(a / r) for a, r in pairs), rel=0.1)


def test_what_the_runbook_looks_at_first_is_answered(watch: Watch):
    for anchor, query in queries().items():
        assert isinstance(watch.watched.query(query), list), anchor


def test_versions_and_workers_are_those_that_run(watch: Watch):
    workers = watch.watched.query("sum by (role, version) (delivery_risk_model_info)", watch.at)
    assert {(s["metric"]["role"], s["metric"]["version"]): s["value"][1] for s in workers} == {
        ("champion", CHAMPION): "3",
        ("challenger", CHALLENGER): "3",
    }


def test_what_others_export_has_the_labels_that_are_counted_on(watch: Watch):
    for name, labels in FOREIGN.items():
        found = watch.watched.query(name, watch.at)
        assert found, name
        assert all(labels - {"namespace", "pod"} <= set(one["metric"]) for one in found), name
    groups = {one["metric"]["rule_group"] for one in watch.watched.query("prometheus_rule_evaluation_failures_total", watch.at)}
    assert {group.split(";")[1] for group in groups} >= {"delivery-risk-budget", "delivery-risk-watchers"}


def test_the_runbooks_look_at_missing_metrics_shows_each_replica_once(watch: Watch):
    found = watch.watched.query(queries()["DeliveryRiskMetricsMissing"], watch.at)
    assert {one["metric"]["instance"]: one["value"][1] for one in found} == {
        f"127.0.0.1:{replica.port}": "2" for replica in watch.watched.replicas
    }
    assert len(found) == 2
