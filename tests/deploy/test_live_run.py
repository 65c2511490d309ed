"""Prometheus and Alertmanager in a live run, calm and then troubled: recorded series, alerts and notifications."""

import math
from collections import defaultdict

import pytest

from tests.deploy.promql import ALERTS, CONSTANT, EXPRESSIONS, FOREIGN, RECORDS, queries

pytestmark = pytest.mark.deploy


def test_every_rule_evaluates_and_every_recording_rule_gives_a_number(live_run):
    found = [rule for group in live_run.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in found} == set(EXPRESSIONS)
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    values = {name: [float(s["value"][1]) for s in live_run.query(name)] for name in RECORDS}
    assert [name for name, numbers in values.items() if not numbers or not all(map(math.isfinite, numbers))] == []


def test_in_calm_only_the_alert_that_always_fires_does(live_run):
    assert live_run.in_calm == CONSTANT


def test_shifted_orders_raise_the_drift_alerts_and_their_receivers_are_notified(live_run):
    drift = {f"DeliveryRisk{name}" for name in ("ScoresDrift", "FeatureDrifts", "CategoryDrifts")}
    away = {"DeliveryRiskReviewShareAway", "DeliveryRiskGapShareAway"}
    assert set(live_run.notified()) >= drift | away | {"DeliveryRiskRequestsRefused"} | CONSTANT
    receivers = {"page": "pages", "ticket": "tickets", "watchdog": "watchdog"}
    assert live_run.notified() == {name: receivers[ALERTS[name]["labels"]["severity"]] for name in live_run.notified()}
    assert {rule["annotations"]["runbook_url"] for rule in ALERTS.values()} >= {
        alert["annotations"]["runbook_url"] for _, message in live_run.messages for alert in message["alerts"]
    }


def test_every_answered_order_is_counted_over_all_replicas(live_run):
    found = live_run.query("delivery_risk_orders_total")
    assert sum(float(series["value"][1]) for series in found) == live_run.answered > 20_000


@pytest.mark.parametrize(
    ("index", "share", "baseline", "count", "bins"),
    [
        ("score_drift", "score_bin", "reference_score", 1, 21),
        ("feature_drift", "zscore_bin", "reference_zscore", 4, 16),
        ("category_drift", "category_value", "reference_category", 1, 2),
    ],
)
def test_the_population_stability_index_has_its_textbook_value(live_run, index, share, baseline, count, bins):
    def of(labels):
        return labels["model_version"], labels.get("feature"), labels.get("input")

    def shares(name):
        found: dict = defaultdict(dict)
        for series in live_run.query(f"delivery_risk:{name}:ratio"):
            labels = series["metric"]
            found[of(labels)][labels.get("above"), labels.get("le"), labels.get("value")] = float(series["value"][1])
        return found

    answered, expected = shares(share), shares(baseline)
    indices = live_run.query(f"delivery_risk:{index}:psi")
    assert len(indices) == len(answered) == len(expected) == count
    for series in indices:
        key = of(series["metric"])
        assert answered[key].keys() == expected[key].keys()
        assert len(answered[key]) == bins
        assert sum(answered[key].values()) == pytest.approx(1, abs=1e-3)
        assert sum(expected[key].values()) == pytest.approx(1)
        pairs = [(max(answered[key][bin_], 0.0005), max(expected[key][bin_], 0.0005)) for bin_ in expected[key]]
        # The index can be that of the evaluation a second before.
        assert float(series["value"][1]) == pytest.approx(sum((a - r) * math.log(a / r) for a, r in pairs), rel=0.1)


def test_prometheus_answers_the_queries_of_the_runbook(live_run):
    for title, query in queries().items():
        assert isinstance(live_run.query(query), list), title


def test_series_of_other_programs_have_the_labels_that_the_rules_use(live_run):
    found = {name: [series["metric"] for series in live_run.query(name)] for name in FOREIGN}
    for name, labels in FOREIGN.items():
        assert found[name], name
        assert all(labels - {"namespace", "pod"} <= set(metric) for metric in found[name]), name
    groups = {metric["rule_group"].split(";")[1] for metric in found["prometheus_rule_evaluation_failures_total"]}
    assert groups >= {"delivery-risk-budget", "delivery-risk-watchers"}


def test_the_runbooks_query_for_missing_metrics_shows_each_replica_once(live_run):
    found = live_run.query(queries()["DeliveryRiskMetricsMissing"])
    replicas = [f"127.0.0.1:{replica.port}" for replica in live_run.replicas]
    assert sorted((series["metric"]["instance"], series["value"][1]) for series in found) == sorted((r, "2") for r in replicas)
