"""Series: the numbers of histograms in the shared counters, looked up once and counted many times. Hold the counters' lock.

A histogram's numbers are the counts of its buckets, not cumulated, and the sum of its observations.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from model.core.batch import Batch, Floats
from model.core.encoding import value_counts
from model.core.few_rows import FewScores
from model.core.manifest import Manifest
from model.core.risk_model import Scores
from schemas.result import QUEUES
from service.metrics.definitions import METRICS, is_counted

Numbers = Callable[..., "memoryview[float]"]
"""The numbers of a series, by the name of its metric and its labels."""

_EDGES = {name: np.array(metric.buckets) for name, metric in METRICS.items()}
_FEW = 12  # up to so many values, counting them one by one takes less than NumPy's calls
_MANY = 512  # from so many values on, sorting them takes less than searching the edges for each of them


class HistogramSeries:
    """One series of a histogram of METRICS."""

    __slots__ = ("_buckets", "_edges", "_numbers", "edges")

    def __init__(self, numbers: Numbers, name: str, *labels: str) -> None:
        self._numbers = numbers(name, *labels)
        self._buckets: Floats = np.asarray(self._numbers)[:-1]
        self._edges, self.edges = METRICS[name].buckets, _EDGES[name]

    def observe(self, value: float) -> None:
        """Count one value."""
        self._numbers[bisect_left(self._edges, value)] += 1
        self._numbers[-1] += value

    def observe_each(self, values: Sequence[float]) -> None:
        """Count values one by one."""
        numbers, edges = self._numbers, self._edges
        for value in values:
            numbers[bisect_left(edges, value)] += 1
        numbers[-1] += sum(values)

    def add(self, counts: Floats, total: float) -> None:
        """Count values of which there are so many in each bucket, and whose sum is the total."""
        np.add(self._buckets, counts, out=self._buckets)
        self._numbers[-1] += total


def observe_all(series: Sequence[HistogramSeries], values: Floats) -> None:
    """Count the rows of values (n series, m), each in its series of the same metric."""
    if values.shape[1] <= _FEW:
        for histogram, row in zip(series, values.tolist(), strict=True):
            histogram.observe_each(row)
        return
    edges = series[0].edges
    counts = _by_sorting(edges, values) if values.shape[1] >= _MANY else _by_searching(edges, values)
    with np.errstate(all="ignore"):
        totals = np.add.reduce(values, axis=1).tolist()
    for histogram, row, total in zip(series, counts, totals, strict=True):
        histogram.add(row, total)


def _by_searching(edges: Floats, values: Floats) -> Floats:
    """(n, buckets): how many values of each row are in each bucket."""
    rows, width = len(values), len(edges) + 1
    buckets = edges.searchsorted(values)
    buckets += np.arange(0, rows * width, width)[:, np.newaxis]
    return np.bincount(buckets.ravel(), minlength=rows * width).reshape(rows, width).astype(np.float64)


def _by_sorting(edges: Floats, values: Floats) -> Floats:
    """The same, in a quarter of the time where there are many values."""
    counts = np.empty((len(values), len(edges) + 1))
    for upto, row in zip(counts, values, strict=True):
        upto[:-1] = np.sort(row).searchsorted(edges, "right")
    counts[:, -1] = values.shape[1]
    counts[:, 1:] -= counts[:, :-1]
    return counts


class ModelSeries:
    """The series of every batch that the model of this manifest scores."""

    def __init__(self, numbers: Numbers, manifest: Manifest) -> None:
        version = manifest.version
        self.manifest = manifest
        self._monitor, self._review = (numbers("delivery_risk_orders_total", version, queue) for queue in QUEUES)
        self._scores = HistogramSeries(numbers, "delivery_risk_score", version)
        self._orders = HistogramSeries(numbers, "delivery_risk_batch_orders")
        self._zscores = [HistogramSeries(numbers, "delivery_risk_feature_zscore", name) for name in manifest.feature_names]
        self._columns = [at for at, each in enumerate(manifest.inputs) if is_counted(each.values)]
        self._categories = [manifest.inputs[at] for at in self._columns]
        self._values = [
            numbers("delivery_risk_category_orders_total", each.name, value)
            for each in self._categories
            for value in each.values
        ]

    def count(self, batch: Batch, scores: Scores | FewScores) -> None:
        """Count a batch with these scores."""
        orders, reviews = len(batch), scores.reviews
        self._monitor[0] += orders - reviews
        self._review[0] += reviews
        self._orders.observe(orders)
        if isinstance(scores, FewScores):
            self._scores.observe_each(scores.values)
            for histogram, values in zip(self._zscores, scores.by_feature, strict=True):
                histogram.observe_each(values)
        else:
            observe_all([self._scores], scores.scores[np.newaxis])
            observe_all(self._zscores, scores.by_feature)
        if self._columns:
            counts = value_counts(self._categories, batch.matrix[:, self._columns])
            (seen,) = counts.nonzero()
            for at, count in zip(seen.tolist(), counts[seen].tolist(), strict=True):
                self._values[at][0] += count
