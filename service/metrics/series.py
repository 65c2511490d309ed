"""Series: the numbers of histograms in the shared counters, looked up once and counted many times. Hold the counters' lock.

A histogram's numbers are the counts of its buckets, not cumulated, and the sum of its observations.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from model.core.batch import Floats
from model.core.manifest import Manifest
from model.core.risk_model import Scores
from schemas.result import QUEUES
from service.metrics.definitions import METRICS

Numbers = Callable[..., "memoryview[float]"]
"""The numbers of a series, by the name of its metric and its labels."""

_EDGES = {name: np.array([*metric.buckets, np.inf]) for name, metric in METRICS.items()}
_FEW = 24  # up to so many values, counting them one by one takes less than NumPy's calls


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
        numbers, edges = self._numbers, self._edges
        for value in values:
            numbers[bisect_left(edges, value)] += 1
        numbers[-1] += sum(values)

    def observe_sorted(self, values: Floats) -> None:
        """Count many values by sorting a copy of them: that costs a quarter of searching the edges for each of them."""
        numbers, ordered = self._numbers, values.copy()
        ordered.sort()
        below = 0
        for bucket, upto in enumerate(ordered.searchsorted(self._all_edges, "right").tolist()):
            numbers[bucket] += upto - below
            below = upto
        numbers[-1] += float(np.add.reduce(values))


def observe_all(series: Sequence[HistogramSeries], values: Floats) -> None:
    """Count the rows of values (n series, m), each in its series."""
    if values.shape[1] == 1:
        for histogram, value in zip(series, values.ravel().tolist(), strict=True):
            histogram.observe(value)
    elif values.shape[1] <= _FEW:
        for histogram, row in zip(series, values.tolist(), strict=True):
            histogram.observe_each(row)
    else:
        with np.errstate(all="ignore"):
            for histogram, row in zip(series, values, strict=True):
                histogram.observe_sorted(row)


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
        observe_all([self._scores], scores.scores[np.newaxis])
        observe_all(self._zscores, scores.zscores.T)
