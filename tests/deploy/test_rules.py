"""The rules, by promtool's tests of them: the rules pass, and changed rules fail."""

import pytest

from tests.deploy.promql import ALERTS, CONSTANT, EXPRESSIONS, faults, renamed
from tests.deploy.promtool import TESTS, cases, doubled, failing, failures, scaled, thresholds

pytestmark = pytest.mark.deploy


def test_every_rule_passes_its_tests():
    assert failures(TESTS) == ""


def test_a_second_installation_on_the_same_prometheus_has_its_own_alerts(tmp_path):
    paths = doubled(tmp_path)
    assert len(paths) > 4
    assert failures(paths) == ""


def test_every_alert_has_a_case_that_fires_and_a_silent_one_except_for_the_one_that_always_fires():
    assert cases() == {name: {True} if name in CONSTANT else {True, False} for name in ALERTS}


@pytest.mark.parametrize(
    ("instead", "unseen"), [("vector(1) > 2", set()), ("vector(1)", CONSTANT)], ids=["cannot fire", "always fires"]
)
def test_an_alert_that_cannot_fire_or_always_fires_fails_its_tests(tmp_path, instead, unseen):
    assert failing(tmp_path, dict.fromkeys(ALERTS, instead)) == set(ALERTS) - unseen


@pytest.mark.parametrize("factor", [2, 0.5])
@pytest.mark.parametrize(("index", "alerts"), [(0, 18), (1, 13), (2, 1)])
def test_an_alert_with_a_threshold_of_half_or_twice_its_value_fails_its_tests(tmp_path, index, alerts, factor):
    changes = {name: scaled(name, thresholds(name)[index], factor) for name in ALERTS if len(thresholds(name)) > index}
    assert len(changes) == alerts
    assert failing(tmp_path, changes) == set(changes)


@pytest.mark.parametrize("rule", sorted(set(EXPRESSIONS) - CONSTANT))
def test_a_renamed_metric_is_detected_in_every_rule_that_uses_it(rule):
    others = list(renamed(EXPRESSIONS[rule]))
    assert others
    assert all(map(faults, others))


def test_a_misspelt_label_is_detected():
    assert faults('sum(rate(http_request_duration_seconds_count{jobs="delivery-risk"}[5m]))')
    assert faults('delivery_risk:requests_by_status:increase1h{code=~"4.."}')
    assert not faults('delivery_risk:requests_by_status:increase1h{namespace="prod", status=~"4.."}')
