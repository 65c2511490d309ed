"""The rules by promtool's tests of them: that the rules pass, and that other rules would not."""

import pytest

from tests.deploy.promql import faults, renamed
from tests.deploy.promtool import ALERTS, CONSTANT, EXPRESSIONS, TESTS, cases, complaints, doubled, moved, red, thresholds

pytestmark = pytest.mark.deploy


def test_every_rule_does_in_promtools_tests_what_they_say():
    assert complaints(TESTS) == ""


def test_a_second_installation_on_the_same_prometheus_has_alerts_of_its_own(tmp_path):
    paths = doubled(tmp_path)
    assert len(paths) > 4
    assert complaints(paths) == ""


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent_but_for_the_one_that_always_fires():
    found = cases()
    assert set(found) == set(ALERTS)
    assert {name for name, number in found.items() if not number[True]} == set()
    assert {name for name, number in found.items() if not number[False]} == CONSTANT


@pytest.mark.parametrize(
    ("instead", "unseen"), [("vector(1) > 2", set()), ("vector(1)", CONSTANT)], ids=["cannot fire", "always fires"]
)
def test_no_alert_that_cannot_fire_or_always_fires_passes_its_tests(tmp_path, instead, unseen):
    assert red(tmp_path, dict.fromkeys(ALERTS, instead)) == set(ALERTS) - unseen


@pytest.mark.parametrize("factor", [2, 0.5])
@pytest.mark.parametrize(("place", "alerts"), [(0, 18), (1, 13), (2, 1)])
def test_no_alert_with_one_threshold_at_half_or_twice_passes_its_tests(tmp_path, place, alerts, factor):
    changes = {name: moved(name, thresholds(name)[place], factor) for name in ALERTS if len(thresholds(name)) > place}
    assert len(changes) == alerts
    assert red(tmp_path, changes) == set(changes)


@pytest.mark.parametrize("rule", sorted(set(EXPRESSIONS) - CONSTANT))
def test_a_metric_that_is_renamed_is_noticed_in_every_rule_that_asks_for_it(rule):
    others = list(renamed(EXPRESSIONS[rule]))
    assert others
    assert all(map(faults, others))


def test_a_misspelt_label_is_noticed():
    assert faults('sum(rate(http_request_duration_seconds_count{jobs="delivery-risk"}[5m]))')
    assert faults('delivery_risk:requests_by_status:increase1h{code=~"4.."}')
    assert not faults('delivery_risk:requests_by_status:increase1h{namespace="prod", status=~"4.."}')
