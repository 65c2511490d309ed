"""The check before a promotion: answers known by hand, and the statistic and its interval against plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest

from model.core.manifest import Input
from model.core.network import Network
from service.offline.promotion_check import LEAST_DAYS, RESAMPLES, SEED, Capacity, judge
from tests.evaluated_orders import drawn, evaluated
from tests.models import layer, model_of, one_input

TRUE, FLAT, STEEP = one_input(1.0), one_input(0.0, -1.0), one_input(3.0)


def plain(model_weight, bias, orders):
    """The score of each order, by the formula."""
    return [1 / (1 + math.exp(-(model_weight * value + bias))) for value in orders.x[:, 0].tolist()]


def interval(found):
    assert found.check.low is not None
    return found.check.low, found.check.high


def test_the_brier_scores_and_the_difference_are_the_means_of_a_plain_loop():
    orders = drawn(1)
    found = judge(orders, TRUE, STEEP, "flag").check
    late = orders.late.tolist()
    first, second = (
        sum((score - y) ** 2 for score, y in zip(plain(weight, 0.0, orders), late, strict=True)) / 3000 for weight in (1, 3)
    )
    assert (found.orders, found.late, found.days) == (3000, sum(late), 30)
    assert (found.brier_before, found.brier_after) == (pytest.approx(first, abs=1e-13), pytest.approx(second, abs=1e-13))
    assert found.difference == pytest.approx(second - first, abs=1e-13)


def with_holdout(orders, share=0.1, seed=3):
    """Every order with x over 0 was reviewed and acted on, or not acted on, or is in the holdout."""
    draw = np.random.default_rng(seed)
    wanted = orders.x[:, 0] > 0
    held = wanted & (draw.random(len(orders)) < share)
    acted = wanted & ~held & (draw.random(len(orders)) < 0.7)
    return replace(orders, review=wanted & ~held, holdout=held, acted_on=acted, share=share)


def test_the_interval_is_that_of_a_bootstrap_of_days_in_plain_loops_with_weights():
    orders = with_holdout(drawn(2))
    by_day = [[0.0, 0.0] for _ in range(30)]
    rows = zip(plain(1.0, 0.0, orders), plain(3.0, 0.0, orders), orders.late.tolist(), orders.days.tolist(), strict=True)
    for at, (before, after, late, day) in enumerate(rows):
        weight = 10.0 if orders.holdout[at] else 0.0 if orders.review[at] else 1.0
        by_day[day][0] += weight * ((after - late) ** 2 - (before - late) ** 2)
        by_day[day][1] += weight
    means = []
    for days in np.random.default_rng(SEED).integers(0, 30, (RESAMPLES, 30)).tolist():
        total, size = 0.0, 0.0
        for day in days:
            total += by_day[day][0]
            size += by_day[day][1]
        means.append(total / size)
    means.sort()
    found = judge(orders, TRUE, STEEP, "flag").check
    for value, share in ((found.low, 0.025), (found.high, 0.975)):
        place = share * (RESAMPLES - 1)
        low, high = means[math.floor(place)], means[math.ceil(place)]
        assert value == pytest.approx(low + (high - low) * (place % 1), abs=1e-12)
    assert found.difference == pytest.approx(sum(day[0] for day in by_day) / sum(day[1] for day in by_day), abs=1e-12)


def test_a_model_that_is_surely_worse_fails_and_the_better_one_and_the_same_one_pass():
    orders = drawn(4)
    worse = judge(orders, TRUE, FLAT, "flag")
    assert worse.enough
    assert interval(worse)[0] > 0
    assert worse.check.failed[0].startswith("its Brier score is higher: the 95 % interval of the difference is +")
    assert judge(orders, FLAT, TRUE, "flag").check.failed == ()
    same = judge(orders, TRUE, TRUE, "flag").check
    assert (same.failed, same.difference, same.low, same.high) == ((), 0.0, 0.0, 0.0)


def test_the_same_days_give_the_same_interval_again():
    assert judge(drawn(5), TRUE, STEEP, "flag") == judge(drawn(5), TRUE, STEEP, "flag")


def test_a_challenger_whose_inputs_are_in_another_order_gets_its_own_columns():
    orders = drawn(6)
    x = np.column_stack([orders.x[:, 0], np.zeros(len(orders))])
    two = replace(orders, x=x)
    make = {"a, b": ([1.0, 0.0], ("a", "b")), "b, a": ([0.0, 1.0], ("b", "a"))}
    first, second = (_two_inputs(*each) for each in make.values())
    found = judge(two, first, second, "flag").check
    assert found.brier_before == found.brier_after == judge(orders, TRUE, TRUE, "flag").check.brier_after


def _two_inputs(weights, names):
    return model_of(Network([layer([weights], [0.0])]), inputs=[Input(name) for name in names])


def test_acted_on_orders_count_for_no_brier_score_and_those_of_the_holdout_for_the_others():
    """By hand: champion 0.5 for all, challenger 0.5 too; of four kinds of orders only the weights differ."""
    x, half = [0.0] * 4, one_input(0.0, math.log(3))  # 0.75 for all
    kinds = {"review": [False, True, True, False], "acted_on": [False, True, False, False], "holdout": [False] * 3 + [True]}
    orders = evaluated(x, [False, True, True, True], [0, 0, 1, 1], share=0.25, **kinds)
    found = judge(orders, one_input(0.0), half, "flag").check
    # The first order with weight 1 was on time, the last with weight 4 late; those in review are left out.
    assert (found.orders, found.late) == (2, 1)
    assert found.brier_after == pytest.approx((0.75**2 + 4 * 0.25**2) / 5, abs=1e-15)
    none = evaluated(x, [False, True, True, True], [0, 0, 1, 1], **kinds | {"holdout": [False] * 4})
    without = judge(none, one_input(0.0), half, "flag").check
    assert (without.orders, without.late) == (3, 2)
    assert without.brier_after == pytest.approx((0.75**2 + 2 * 0.25**2) / 3, abs=1e-15)


def test_weights_of_the_holdout_undo_what_reviews_hide():
    """Reviews save all orders with x over 0 that they see. Of the holdout it is seen that the champion was right."""
    orders = drawn(7, days=60, a_day=500)
    saved = with_holdout(orders)
    hidden = replace(saved, late=saved.late & ~saved.review)
    truth = judge(orders, TRUE, FLAT, "flag").check.difference
    low, high = interval(judge(hidden, TRUE, FLAT, "flag"))
    assert low <= truth <= high
    without = replace(hidden, holdout=np.zeros(len(orders), np.bool_), acted_on=hidden.review)
    assert interval(judge(without, TRUE, FLAT, "flag"))[1] < truth


def enough(orders=1000, late=50, days=LEAST_DAYS):
    day = [number % days for number in range(orders)]
    return evaluated([0.0] * orders, [number < late for number in range(orders)], day)


@pytest.mark.parametrize(
    ("orders", "reasons"),
    [
        (enough(), ()),
        (enough(orders=999), ("999 untouched orders with an outcome, and at least 1,000 are needed",)),
        (enough(late=49), ("49 of them late, and at least 50 are needed",)),
        (enough(days=LEAST_DAYS - 1), ("6 days, and at least 7 are needed",)),
        (
            enough(0, 0, 1),
            (
                "0 untouched orders with an outcome, and at least 1,000 are needed",
                "0 of them late, and at least 50 are needed",
                "0 days, and at least 7 are needed",
            ),
        ),
    ],
)
def test_too_few_outcomes_cannot_be_judged_and_each_number_is_named(orders, reasons):
    found = judge(orders, TRUE, FLAT, "flag")
    assert found.check.failed == tuple(f"cannot be judged: {reason}" for reason in reasons)
    assert found.enough == (not reasons)


DEPOTS = ["EWR"] * 6 + ["JFK"] * 3 + [None]


@pytest.mark.parametrize(
    ("capacity", "reasons"),
    [
        (Capacity(50.0), []),
        (Capacity(49.9), ["its reviews are 50.0 a day, and the capacity is 49.9"]),
        (Capacity(30.0, "depot"), []),
        (
            Capacity(14.5, "depot"),
            [
                "its reviews of depot EWR are 30.0 a day, and the capacity is 14.5",
                "its reviews of depot JFK are 15.0 a day, and the capacity is 14.5",
            ],
        ),
        (Capacity(4.0, "depot"), ["depot (none) are 5.0 a day", "depot EWR are 30.0 a day", "depot JFK are 15.0 a day"]),
    ],
)
def test_reviews_a_day_are_the_mean_over_all_days_of_all_orders_also_of_those_that_were_acted_on(capacity, reasons):
    days = [number // 100 for number in range(2000)]  # 20 days of 100 orders, half of which have a score over 0.5
    x = [1.0 if number // 10 % 2 else -1.0 for number in range(2000)]
    context = {"depot": [DEPOTS[number % 10] for number in range(2000)]}
    orders = evaluated(
        x, [number % 20 == 0 for number in range(2000)], days, acted_on=[value > 0 for value in x], context=context
    )
    found = judge(orders, TRUE, TRUE, "flag", capacity)
    assert (found.reviews_before, found.check.reviews_a_day, found.check.orders) == (50.0, 50.0, 1000)
    assert len(found.check.failed) == len(reasons)
    assert all(reason in text for reason, text in zip(reasons, found.check.failed, strict=True))


def test_by_the_policy_review_orders_out_of_the_challengers_range_take_capacity_too():
    narrow = one_input(inputs=[Input("f0", maximum=-1.5)])
    orders = drawn(8)
    low = narrow.manifest.inputs[0].maximum
    outside = sum(value > low for value in orders.x[:, 0].tolist())
    assert judge(orders, TRUE, narrow, "review").check.reviews_a_day == pytest.approx(outside / 30)
    assert judge(orders, TRUE, narrow, "flag").check.reviews_a_day == judge(orders, TRUE, TRUE, "flag").check.reviews_a_day


def test_an_order_that_overflows_in_one_model_is_left_out_and_counted():
    orders = drawn(9)
    huge = replace(orders, x=np.where(np.arange(len(orders))[:, np.newaxis] < 5, 1e10, orders.x))
    found = judge(huge, TRUE, one_input(1e300), "flag")
    assert (found.unscored, found.check.orders) == (5, 2995)
