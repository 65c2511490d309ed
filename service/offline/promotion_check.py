"""The check before a promotion: the challenger against the champion, on logged orders that nobody acted on.

Where the log has a holdout, each of its orders stands for one over the share of those that went to review. These are left out
then, although nobody acted on some of them: people chose which, and they would count twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from model.core.batch import Batch, Flags, Floats, Positions
from model.core.risk_model import RiskModel
from model.registry.check import PromotionCheck
from schemas.result import Policy
from service.offline.evaluation.bootstrap import SEED, interval
from service.offline.evaluation.orders import EvaluatedOrders
from service.offline.evaluation.thresholds import Capacity
from service.scoring.batch import review

LEAST_ORDERS, LEAST_LATE, LEAST_DAYS = 1000, 50, 7
RESAMPLES = 2000
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """A check, and whether there were enough outcomes to judge by. `reviews_before` are those a day of the champion.

    `unscored` counts the orders that one of the models gives no score.
    """

    check: PromotionCheck
    enough: bool
    reviews_before: float
    unscored: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """The `scores` of n orders, whether each has one, and whether it goes to `review`."""

    scores: Floats
    finite: Flags
    review: Flags


def judge(
    orders: EvaluatedOrders, champion: RiskModel, challenger: RiskModel, policy: Policy, capacity: Capacity | None = None
) -> Judgement:
    """Judge a challenger that takes the same inputs as the champion, in any order. `orders` are encoded for the champion."""
    names = champion.manifest.input_names
    columns = [names.index(name) for name in challenger.manifest.input_names]
    before, after = _scored(champion, orders, orders.x, policy), _scored(challenger, orders, orders.x[:, columns], policy)
    finite, weights = before.finite & after.finite, orders.untouched
    used = finite & (weights > 0)
    count, late, days = int(used.sum()), int(orders.late[used].sum()), len(np.unique(orders.days[used]))
    failed = list(_too_few(count, late, days))
    enough = not failed
    first, second = (_weighted(weights[used], (each.scores[used] - orders.late[used]) ** 2) for each in (before, after))
    squares = (after.scores - orders.late) ** 2 - (before.scores - orders.late) ** 2
    difference = _weighted(weights[used], squares[used])
    low, high = _interval(orders.days[used], weights[used], squares[used])
    if enough and low is not None and low > 0:
        failed.append(f"its Brier score is higher: the 95 % interval of the difference is {low:+.6f} to {high:+.6f}")
    if capacity is not None:
        failed += _over_capacity(orders, after.review, capacity)
    reviews_before, reviews_after = (_a_day(orders, each.review) for each in (before, after))
    check = PromotionCheck(
        str(champion.sha256), count, late, days, first, second, difference, low, high, reviews_after, tuple(failed)
    )
    return Judgement(check, enough, reviews_before, int((~finite).sum()))


def _scored(model: RiskModel, orders: EvaluatedOrders, x: Floats, policy: Policy) -> _Scored:
    parts: Iterator[slice] = (slice(begin, begin + _CHUNK) for begin in range(0, len(orders) or 1, _CHUNK))
    found = [model.score(Batch(orders.ids[rows], x[rows])) for rows in parts]
    columns = zip(*((each.scores, each.finite, review(each, policy)) for each in found), strict=True)
    return _Scored(*map(np.concatenate, columns))


def _too_few(orders: int, late: int, days: int) -> Iterator[str]:
    for found, least, what in (
        (orders, LEAST_ORDERS, "untouched orders with an outcome"),
        (late, LEAST_LATE, "of them late"),
        (days, LEAST_DAYS, "days"),
    ):
        if found < least:
            yield f"cannot be judged: {found:,} {what}, and at least {least:,} are needed"


def _weighted(weights: Floats, values: Floats) -> float | None:
    """The weighted mean; None of no orders."""
    return float((weights * values).sum() / weights.sum()) if len(weights) else None


def _interval(days: Positions, weights: Floats, values: Floats) -> tuple[float | None, float | None]:
    """The 95 % interval of the weighted mean, by a bootstrap of days; None for both ends with fewer than two days."""
    found, at = np.unique(days, return_inverse=True)
    if len(found) < 2:
        return None, None
    sums, sizes = (np.bincount(at, each, len(found)) for each in (weights * values, weights))
    drawn = np.random.default_rng(SEED).integers(0, len(found), (RESAMPLES, len(found)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return interval(means.tolist())


def _a_day(orders: EvaluatedOrders, reviewed: Flags) -> float:
    """The mean of the reviews a day, over the days that have orders."""
    return float(reviewed.sum()) / max(1, len(np.unique(orders.days)))


def _over_capacity(orders: EvaluatedOrders, reviewed: Flags, capacity: Capacity) -> Iterator[str]:
    if capacity.by is None:
        groups = {"": np.ones(len(orders), np.bool_)}
    else:
        texts = np.array([text or "" for text in orders.context[capacity.by]], np.object_)
        groups = {f" of {capacity.by} {value or '(none)'}": texts == value for value in sorted({*texts.tolist()})}
    for name, members in groups.items():
        found = _a_day(orders, reviewed & members)
        if found > capacity.reviews:
            yield f"its reviews{name} are {found:.1f} a day, and the capacity is {capacity.reviews:g}"
