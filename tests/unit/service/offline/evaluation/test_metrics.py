"""The metrics: scikit-learn's own on any orders and weights, and what they say where they are not defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from service.offline.evaluation.metrics import METRICS, SortedScores

REFERENCE = {
    "auc": reference.roc_auc_score,
    "average_precision": reference.average_precision_score,
    "brier": reference.brier_score_loss,
    "log_loss": reference.log_loss,
}


@st.composite
def weighted(draw):
    """Scores with ties, outcomes of both kinds, and weights."""
    count = draw(st.integers(2, 40))
    scores = draw(st.lists(st.integers(0, 8).map(lambda tenth: tenth / 8), min_size=count, max_size=count))
    late = draw(st.lists(st.booleans(), min_size=count, max_size=count).filter(lambda each: len(set(each)) == 2))
    weights = draw(st.lists(st.integers(1, 4).map(float), min_size=count, max_size=count))
    return tuple(map(np.array, (scores, late, weights)))


def found(name, scores, late, weights):
    ordered = SortedScores(scores, late)
    return METRICS[name](ordered, weights[ordered.order])


@pytest.mark.parametrize("name", REFERENCE)
@given(weighted())
def test_a_metric_is_that_of_scikit_learn(name, given_orders):
    scores, late, weights = given_orders
    wanted = REFERENCE[name](late, scores, sample_weight=weights)
    assert found(name, scores, late, weights) == pytest.approx(wanted, rel=0, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "calibration_error"])
@given(weighted())
def test_a_weight_is_a_repetition(name, given_orders):
    scores, late, weights = given_orders
    times = weights.astype(int)
    repeated = np.repeat(scores, times), np.repeat(late, times)
    assert found(name, scores, late, weights) == pytest.approx(found(name, *repeated, np.ones(times.sum())), rel=0, abs=1e-9)


def test_calibration_has_ten_bins_of_equally_many_orders_and_the_error_is_their_mean_distance():
    scores, late = np.arange(20) / 20, np.arange(20) % 4 == 0
    ordered = SortedScores(scores, late)
    bins = ordered.calibration()
    assert [each.orders for each in bins] == [2] * 10
    assert [(each.lowest, each.highest) for each in bins][:2] == [(0.0, 0.05), (0.1, 0.15)]
    assert [each.late_share for each in bins] == [0.5, 0.0] * 5
    wanted = sum(abs(each.mean_score - each.late_share) for each in bins) / 10
    assert METRICS["calibration_error"](ordered, np.ones(20)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("late", "undefined"), [([True] * 3, {"auc"}), ([False] * 3, {"auc", "average_precision"}), ([], {*METRICS})]
)
def test_a_metric_that_is_not_defined_is_none(late, undefined):
    scores = np.linspace(0.2, 0.8, len(late))
    values = {name: found(name, scores, np.array(late, bool), np.ones(len(late))) for name in METRICS}
    assert {name for name, value in values.items() if value is None} == undefined
