"""Thresholds: the lowest that keeps a capacity and the one that costs least, by plain loops over all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.offline.evaluation.orders import EvaluatedOrders
from service.offline.evaluation.thresholds import BadGoal, Capacity, Cost, Thresholds, capacity, cost

EIGHTHS = st.integers(0, 7).map(lambda number: number / 8)


def orders_of(scores, late, days, depots):
    none = np.zeros(len(scores), np.bool_)
    names = sorted(set(days))
    return EvaluatedOrders(
        [str(at) for at in range(len(scores))],
        np.empty((len(scores), 0)),
        np.array(scores, np.float64),
        np.array(late, np.bool_),
        none,
        none,
        none,
        0.0,
        np.array([names.index(day) for day in days], np.intp),
        names,
        {"depot": depots},
    )


ROWS = st.lists(st.tuples(EIGHTHS, st.booleans(), st.sampled_from("ab"), st.sampled_from(["EWR", "JFK", None])), min_size=1)


@given(ROWS, st.sampled_from([0.5, 1.0, 3.0, 100.0]), st.sampled_from([None, "depot"]))
def test_the_threshold_of_a_capacity_is_the_lowest_that_keeps_it(rows, reviews, by):
    scores, late, days, depots = zip(*rows, strict=True)
    orders = orders_of(scores, late, days, depots)
    threshold = Thresholds(orders).for_capacity(Capacity(reviews, by)).threshold

    def kept(threshold):
        groups = {None} if by is None else set(depots)
        counts = [sum(s >= threshold and (by is None or d == group) for s, _, _, d in rows) for group in groups]
        return max(counts) / len(set(days)) <= reviews

    assert kept(threshold)
    lower = [0.0, *(score for score in scores if score < threshold)] if threshold > 0 else []
    assert not any(kept(each) for each in lower)


@given(ROWS, st.sampled_from([(40.0, 3.0), (1.0, 1.0), (1.0, 50.0)]))
def test_the_threshold_of_a_cost_costs_least(rows, costs):
    scores, late, days, depots = zip(*rows, strict=True)
    missed, review = costs

    def total(threshold):
        return sum(missed * (s < threshold and was) + review * (s >= threshold) for s, was in zip(scores, late, strict=True))

    threshold = Thresholds(orders_of(scores, late, days, depots)).for_cost(Cost(missed, review)).threshold
    assert total(threshold) == pytest.approx(min(map(total, [0.0, 1.1, *scores])))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("missed=40,review=3", Cost(40.0, 3.0)),
        ("review=3,missed=40", Cost(40.0, 3.0)),
        ("missed=0.5,review=.25", Cost(0.5, 0.25)),
    ],
)
def test_a_cost_is_read_in_either_order(text, wanted):
    assert cost(text) == wanted


@pytest.mark.parametrize("text", ["", "missed=40", "missed=0,review=3", "missed=4.4.4,review=3", "missed=-1,review=3", "40,3"])
def test_any_other_cost_is_rejected(text):
    with pytest.raises(BadGoal):
        cost(text)


def test_a_capacity_is_a_number_a_day():
    assert capacity("2.5/day", "depot") == Capacity(2.5, "depot")
    for text in ("50", "50/week", "-1/day", "1e3/day", "/day"):
        with pytest.raises(BadGoal):
            capacity(text)


def test_orders_that_all_have_the_score_1_are_too_many_for_no_review():
    with pytest.raises(BadGoal):
        Thresholds(orders_of([1.0, 1.0], [True, False], "ab", [None, None])).for_capacity(Capacity(0.4))
