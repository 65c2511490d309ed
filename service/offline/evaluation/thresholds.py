"""Thresholds: what each does to the orders, and which one keeps a capacity or costs least."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.core.batch import Flags, Floats
from service.offline.evaluation.evaluation import Recommendation, ThresholdRow
from service.offline.evaluation.metrics import SortedScores
from service.offline.evaluation.orders import EvaluatedOrders

_CAPACITY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/day")
_COST = re.compile(r"missed=([0-9.]{1,15}),review=([0-9.]{1,15})|review=([0-9.]{1,15}),missed=([0-9.]{1,15})")
_LISTED = 24


class BadGoal(ValueError):
    """A capacity or a cost that cannot be read, or that no threshold meets. The message says why."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many reviews a day people can do, for each value of the context `by` where it is given."""

    reviews: float
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a late order costs that is not reviewed, and what a review costs."""

    missed: float
    review: float


def capacity(text: str, by: str | None = None) -> Capacity:
    """The capacity in a text such as 50/day. Raises BadGoal."""
    found = _CAPACITY.fullmatch(text)
    if found is None:
        raise BadGoal("expected a number of reviews a day, such as 50/day")
    return Capacity(float(found[1]), by)


def cost(text: str) -> Cost:
    """The cost in a text such as missed=40,review=3. Raises BadGoal."""
    found = _COST.fullmatch(text)
    try:
        numbers = [float(each) for each in found.groups() if each is not None] if found else []
    except ValueError:
        numbers = []
    if found is None or len(numbers) != 2 or not all(each > 0.0 for each in numbers):
        raise BadGoal("expected two numbers over 0, such as missed=40,review=3")
    return Cost(*numbers) if found[1] is not None else Cost(*reversed(numbers))


class Thresholds:
    """What any threshold does to these orders."""

    def __init__(self, orders: EvaluatedOrders) -> None:
        self._orders = orders
        self._sorted = SortedScores(orders.scores, orders.late)
        self._days = max(1, len(orders.day_names))
        self._late_from = np.append(np.cumsum(self._sorted.late[::-1])[::-1], 0)  # [i]: late orders from i on

    def row(self, threshold: float) -> ThresholdRow:
        """What this threshold does."""
        first = int(np.searchsorted(self._sorted.scores, threshold))
        reviews, late, all_late = len(self._sorted) - first, int(self._late_from[first]), int(self._late_from[0])
        return ThresholdRow(
            threshold,
            reviews / max(1, len(self._sorted)),
            reviews / self._days,
            late / reviews if reviews else None,
            late / all_late if all_late else 0.0,
        )

    def rows(self, *further: float) -> list[ThresholdRow]:
        """What some thresholds do: those that send about equal steps of reviews, and these further ones."""
        if not len(self._sorted):
            return []
        shares = np.geomspace(0.001, 0.9, _LISTED)
        at = np.unique(np.clip(np.rint((1.0 - shares) * len(self._sorted)).astype(int), 0, len(self._sorted) - 1))
        return [self.row(each) for each in sorted({*self._sorted.scores[at].tolist(), *further})]

    def for_capacity(self, wanted: Capacity) -> Recommendation:
        """The lowest threshold that sends on average at most so many orders a day to review. Raises BadGoal."""
        groups = [np.ones(len(self._orders), np.bool_)]
        if wanted.by is not None:
            texts = self._orders.context.get(wanted.by)
            if texts is None:
                raise BadGoal(f"the orders have no {wanted.by}")
            groups = [np.array([text == value for text in texts]) for value in dict.fromkeys(texts)]
        threshold = self._lowest(groups, wanted.reviews)
        reviews = self._orders.scores >= threshold
        per_day = [np.bincount(self._orders.days[reviews & group], minlength=self._days) for group in groups]
        most = max(int(each.max()) for each in per_day)
        over = sum(int(np.count_nonzero(each > wanted.reviews)) for each in per_day)
        of_each = "" if wanted.by is None else f" of each {wanted.by}"
        row = self.row(threshold)
        days = (
            f"{over} of {self._days * len(groups)} days{of_each} have more than {wanted.reviews:g} reviews; the most is {most}."
        )
        other = self._other(wanted.reviews * 1.2, wanted.reviews * 0.8) if wanted.by is None else []
        return Recommendation(
            threshold,
            f"the lowest threshold with on average at most {wanted.reviews:g} reviews a day{of_each}",
            row,
            [days, _found(row), *other],
        )

    def for_cost(self, wanted: Cost) -> Recommendation:
        """The threshold with the least total cost of missed late orders and of reviews."""
        threshold, least = self._cheapest(wanted)
        row = self.row(threshold)
        sentences = [
            f"It costs {least:.2f} a day: {wanted.missed:g} for each late order missed, {wanted.review:g} for each review."
        ]
        for times, what in ((0.5, "half"), (2.0, "twice")):
            true = Cost(wanted.missed * times, wanted.review)
            best, cheapest = self._cheapest(true)
            more = float(self._a_day(np.array([threshold]), true)[0]) - cheapest
            better = f"the best threshold is {best:.4g}, and this one costs {more:.2f} a day more"
            sentences.append(f"If a missed order costs {what} as much, {better}.")
        reason = f"the least cost with {wanted.missed:g} for a late order missed and {wanted.review:g} for a review"
        return Recommendation(threshold, reason, row, [*sentences, _found(row)])

    def _lowest(self, groups: Sequence[Flags], reviews: float) -> float:
        """The lowest of the scores, or a number over all of them, that at most so many orders a day of each group reach."""
        most = math.floor(reviews * self._days)
        by_group = [np.sort(self._orders.scores[group]) for group in groups]
        too_many = [float(scores[len(scores) - most - 1]) for scores in by_group if len(scores) > most]
        if not too_many:
            return 0.0
        first = int(np.searchsorted(self._sorted.scores, max(too_many), "right"))
        if first < len(self._sorted):
            return float(self._sorted.scores[first])
        if max(too_many) >= 1.0:
            raise BadGoal(f"more than {reviews:g} orders a day have the score 1")
        return math.nextafter(max(too_many), math.inf)

    def _other(self, more: float, fewer: float) -> list[str]:
        everything = [np.ones(len(self._orders), np.bool_)]
        rows = ((each, self.row(self._lowest(everything, each))) for each in (more, fewer))
        return [f"With {each:g} reviews a day the threshold is {row.threshold:.4g}. {_found(row)}" for each, row in rows]

    def _cheapest(self, wanted: Cost) -> tuple[float, float]:
        """The threshold with the least cost, and that cost a day."""
        values = np.append(np.unique(self._sorted.scores), 1.0)
        costs = self._a_day(values, wanted)
        best = int(np.argmin(costs))
        return float(values[best]), float(costs[best])

    def _a_day(self, thresholds: Floats, wanted: Cost) -> Floats:
        """The cost a day of each of these thresholds (n,)."""
        first = np.searchsorted(self._sorted.scores, thresholds)
        missed = self._late_from[0] - self._late_from[first]
        costs: Floats = (wanted.missed * missed + wanted.review * (len(self._sorted) - first)) / self._days
        return costs


def _found(row: ThresholdRow) -> str:
    precision = "no order reaches it" if row.precision is None else f"{row.precision:.1%} of the reviewed orders are late"
    return f"{row.recall:.1%} of the late orders are reviewed; {precision}."


def reviews_by_day(orders: EvaluatedOrders, threshold: float) -> Sequence[int]:
    """How many orders of each day reach the threshold."""
    counts: list[int] = np.bincount(orders.days[orders.scores >= threshold], minlength=len(orders.day_names)).tolist()
    return counts
