"""Evaluate: everything that is said of a model's scores on orders whose outcomes are known. It does no I/O."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from model.core.batch import Flags
from model.core.manifest import SCORE_EDGES
from model.core.risk_model import RiskModel
from service.offline.evaluation.bootstrap import RESAMPLES, estimates
from service.offline.evaluation.evaluation import Day, Evaluation, Group, Recommendation, ScoreBin
from service.offline.evaluation.metrics import SortedScores
from service.offline.evaluation.orders import EvaluatedOrders
from service.offline.evaluation.thresholds import Capacity, Cost, Thresholds, reviews_by_day

MOST_VALUES = 20
"""Groups by one context: those with the most orders."""


def evaluate(
    orders: EvaluatedOrders,
    model: RiskModel,
    source: str,
    goal: Capacity | Cost | None = None,
    notes: Sequence[str] = (),
    resamples: int = RESAMPLES,
) -> Evaluation:
    """The evaluation of the model on these orders, from a source of this name. Raises BadGoal."""
    manifest, thresholds = model.manifest, Thresholds(orders)
    recommendation = None
    if isinstance(goal, Capacity):
        recommendation = thresholds.for_capacity(goal)
    elif goal is not None:
        recommendation = thresholds.for_cost(goal)
    further = () if recommendation is None else (recommendation.threshold,)
    return Evaluation(
        source,
        {"name": manifest.name, "version": manifest.version, "sha256": str(model.sha256)},
        manifest.threshold,
        len(orders),
        int(np.count_nonzero(orders.late)),
        [_group(orders, name, rows, resamples) for name, rows in _rows(orders)],
        SortedScores(orders.scores, orders.late).calibration(),
        thresholds.rows(manifest.threshold, *further),
        _days(orders, manifest.threshold, recommendation),
        _score_bins(orders),
        recommendation,
        [*notes, *_warnings(orders)],
    )


def _rows(orders: EvaluatedOrders) -> Iterator[tuple[str, Flags]]:
    """The groups of orders, by name: (n,) which orders are in each."""
    yield "all", np.ones(len(orders), np.bool_)
    if orders.acted_on.any():
        yield "untouched", ~orders.acted_on
        yield "acted_on", orders.acted_on
    for name, texts in orders.context.items():
        for value, _ in Counter(text for text in texts if text is not None).most_common(MOST_VALUES):
            yield f"{name}={value}", np.array([text == value for text in texts], np.bool_)


def _group(orders: EvaluatedOrders, name: str, rows: Flags, resamples: int) -> Group:
    """A group with its metrics."""
    late, scores = orders.late[rows], SortedScores(orders.scores[rows], orders.late[rows])
    weights = orders.untouched[rows] if name == "untouched" else np.ones(len(late))
    metrics = estimates(scores, weights[scores.order], orders.days[rows][scores.order], resamples)
    return Group(name, len(late), int(np.count_nonzero(late)), metrics)


def _days(orders: EvaluatedOrders, threshold: float, recommendation: Recommendation | None) -> list[Day]:
    days = len(orders.day_names)
    counts, late = (np.bincount(each, minlength=days).tolist() for each in (orders.days, orders.days[orders.late]))
    reviews = reviews_by_day(orders, threshold)
    recommended = [None] * days if recommendation is None else reviews_by_day(orders, recommendation.threshold)
    return list(map(Day, orders.day_names, counts, late, reviews, recommended))


def _score_bins(orders: EvaluatedOrders) -> list[ScoreBin]:
    edges = (0.0, *SCORE_EDGES)
    bins = np.searchsorted(SCORE_EDGES, orders.scores)
    late, on_time = (np.bincount(bins[each], minlength=len(SCORE_EDGES)).tolist() for each in (orders.late, ~orders.late))
    return [ScoreBin(low, high, *counts) for (low, high), *counts in zip(pairwise(edges), late, on_time, strict=False)]


def _warnings(orders: EvaluatedOrders) -> Iterator[str]:
    if len(orders.day_names) < 2:
        yield "the orders are of one day, so there are no intervals"
    late = int(np.count_nonzero(orders.late))
    if late in (0, len(orders)):
        yield "all orders have one outcome, so some metrics are not defined"
    elif min(late, len(orders) - late) < 50:
        yield "fewer than 50 orders have one of the outcomes, so the metrics are rough"
