"""Bootstrap of days: intervals that respect that orders of one day have much in common (Efron and Tibshirani 1993, 13.3)."""

from collections.abc import Iterator

import numpy as np

from model.core.batch import Floats, Positions
from service.offline.evaluation.evaluation import Estimate
from service.offline.evaluation.metrics import METRICS, SortedScores

RESAMPLES = 1000
SEED = 17
_PERCENTILES = (2.5, 97.5)


def resampled(days: Positions, count: int, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """For each resample how often each order is in it (n,): as often as its day, of `count` days, was drawn."""
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)
    return (times[days] for times in drawn)


def interval(values: list[float]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of a metric from its values in the resamples; none without values."""
    if not values:
        return None, None
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)


def estimates(scores: SortedScores, weights: Floats, days: Positions, resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """The metrics of orders with these weights (n,) and days (n,), both in the order of the scores."""
    names, days = np.unique(days, return_inverse=True)
    values: dict[str, list[float]] = {name: [] for name in METRICS}
    if len(names) > 1:
        for times in resampled(days, len(names), resamples):
            for name, metric in METRICS.items():
                value = metric(scores, weights * times)
                if value is not None:
                    values[name].append(value)
    return {name: Estimate(metric(scores, weights), *interval(values[name])) for name, metric in METRICS.items()}
