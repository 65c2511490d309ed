"""Series: the numbers of histograms in the shared counters, looked up once and counted many times. Hold the counters' lock.

A histogram's numbers are the counts of its buckets, not cumulated, and the sum of its observations.
"""

from bisect import bisect_left
from collections.abc import Callable
from itertools import repeat

import numpy as np

from model.core.batch import Floats
from model.core.manifest import Manifest
from model.core.risk_model import Scores
from schemas.result import QUEUES
from service.metrics.definitions import METRICS

Numbers = Callable[..., "memoryview[float]"]
"""The numbers of a series, by the name of its metric and its labels."""

_EDGES = {name: np.array([*metric.buckets, np.inf]) for name, metric in METRICS.items()}
_FEW = 32  # up to so many values, counting them one by one takes less than NumPy's calls


class HistogramSeries:
    """One series of a histogram of METRICS."""

    __slots__ = ("_all_edges", "_edges", "_numbers")

    def __init__(self, numbers: Numbers, name: str, *labels: str) -> None:
        self._numbers = numbers(name, *labels)
        self._edges, self._all_edges = METRICS[name].buckets, _EDGES[name]

    def observe(self, value: float) -> None:
        """Count one value."""
        self._numbers[bisect_left(self._edges, value)] += 1
        self._numbers[-1] += value

    def observe_each(self, values: list[float]) -> None:
        """Count values one by one."""
        numbers = self._numbers
        for bucket in map(bisect_left, repeat(self._edges), values):
            numbers[bucket] += 1
        numbers[-1] += sum(values)

    def observe_all(self, values: Floats) -> None:
        """Count the values of an array."""
        if len(values) <= _FEW:
            self.observe_each(values.tolist())
            return
        numbers = np.asarray(self._numbers)
        # Sorting the values costs a quarter of searching the edges for each of them.
        counts = np.searchsorted(np.sort(values), self._all_edges, side="right")
        counts[1:] -= counts[:-1]
        numbers[:-1] += counts
        with np.errstate(all="ignore"):
            numbers[-1] += values.sum()


class ModelSeries:
    """The series of every batch that the model of this manifest scores."""

    def __init__(self, numbers: Numbers, manifest: Manifest) -> None:
        version = manifest.version
        self.manifest = manifest
        self._monitor, self._review = (numbers("delivery_risk_orders_total", version, queue) for queue in QUEUES)
        self._scores = HistogramSeries(numbers, "delivery_risk_score", version)
        self._orders = HistogramSeries(numbers, "delivery_risk_batch_orders")
        self._zscores = [HistogramSeries(numbers, "delivery_risk_feature_zscore", name) for name in manifest.feature_names]

    def count(self, scores: Scores) -> None:
        """Count a batch with these scores."""
        orders, reviews = len(scores.review), int(np.count_nonzero(scores.review))
        self._monitor[0] += orders - reviews
        self._review[0] += reviews
        self._orders.observe(orders)
        self._scores.observe_all(scores.scores)
        if orders <= _FEW:
            for series, zscores in zip(self._zscores, scores.zscores.T.tolist(), strict=True):
                series.observe_each(zscores)
        else:
            for series, column in zip(self._zscores, scores.zscores.T, strict=True):
                series.observe_all(column)
