"""Recorder: counts events for METRICS in the shared counters.

A histogram's numbers are the counts of its buckets, not cumulated, and the sum of its observations.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from math import inf

import numpy as np

from model.core.batch import Floats
from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.result import QUEUES, ScoredBatch
from service.metrics.definitions import IN_PROGRESS, METRICS, OF_MODELS, Known
from service.metrics.retention import KEPT, horizon
from service.shared.counters import SharedCounters
from service.telemetry.request_context import Timing

_EDGES = {name: np.array([*metric.buckets, np.inf]) for name, metric in METRICS.items()}
_FEW = 8  # up to so many values, counting them one by one takes less than NumPy's calls


class Metrics:
    """Counts events. Every method may be called from any thread."""

    def __init__(self, counters: SharedCounters) -> None:
        self.counters = counters
        self._change = 0.0

    def show_initial(self, known: Known) -> None:
        """Show the initial series of what is known now, and give back those of versions that are long out of use."""
        self._change = float(max(state.change for state in known.active.states.values()))
        for name, metric in METRICS.items():
            for labels in metric.initial(known):
                with self.counters.lock:  # for one at a time: requests count meanwhile
                    self.counters.enter((name, *labels), metric.width, self._used(name))
        last_used = self.counters.last_used()
        oldest = horizon(last_used, KEPT)
        with self.counters.lock:
            self.counters.give_back(lambda key: last_used.get(key, oldest) < oldest)

    def count(self, name: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter or a gauge of METRICS that counts single events."""
        with self.counters.lock:
            self._add(name, *labels, amount=amount)

    def request(self, method: str, route: str, status: int, seconds: float, timings: Iterable[Timing]) -> None:
        """An answered request of any kind, and its stages."""
        with self.counters.lock:
            self._observe("http_request_duration_seconds", (method, route, str(status)), seconds)
            for stage, begin, end in timings:
                self._observe("delivery_risk_stage_duration_seconds", (stage,), end - begin)

    def scored(self, scored: ScoredBatch) -> None:
        """A batch that is answered."""
        manifest, scores = scored.model.manifest, scored.scores
        version, names = manifest.version, manifest.feature_names
        orders, reviews = len(scores.review), int(np.count_nonzero(scores.review))
        with self.counters.lock:
            for queue, count in zip(QUEUES, (orders - reviews, reviews), strict=True):
                self._add("delivery_risk_orders_total", version, queue, amount=count)
            self._observe_all("delivery_risk_score", (version,), scores.scores)
            self._observe("delivery_risk_batch_orders", (), orders)
            for name, zscores in zip(names, scores.zscores.T, strict=True):
                self._observe_all("delivery_risk_feature_zscore", (name,), zscores)
            if np.count_nonzero(scores.out_of_range):
                for name, outside in zip(names, scores.out_of_range.T, strict=True):
                    self._add("delivery_risk_out_of_range_total", name, amount=int(np.count_nonzero(outside)))

    def rejected(self, faults: Iterable[Fault], unscored: int) -> None:
        """The faults of a batch, and how many of its orders get no score."""
        with self.counters.lock:
            self._add("delivery_risk_unscored_orders_total", amount=unscored)
            for code, _ in {(fault.code, fault.position) for fault in faults}:
                self._add("delivery_risk_rejected_orders_total", code)

    def worker_ended(self, slot: int) -> None:
        """The worker that counted in this slot is gone: its requests in progress are lost."""
        self.count("delivery_risk_requests_lost_total", amount=self.counters.take(slot, (IN_PROGRESS,)))

    def total(self, name: str, *labels: str) -> float:
        """What all processes have counted of a counter."""
        numbers = self.counters.totals().get((name, *labels), (0.0,))
        return float(numbers[0])

    def compared(self, champion: RiskModel, challenger: RiskModel, differences: Floats, moves: Mapping[str, int]) -> None:
        """The challenger's scores minus the champion's, and how many orders would change their queue, by direction."""
        versions = (champion.manifest.version, challenger.manifest.version)
        with self.counters.lock:
            self._observe_all("delivery_risk_challenger_score_difference", versions, differences)
            for direction, count in moves.items():
                self._add("delivery_risk_challenger_queue_changes_total", *versions, direction, amount=count)

    def _series(self, name: str, labels: tuple[str, ...], width: int) -> "memoryview[float]":
        return self.counters.series((name, *labels), width, self._used(name))

    def _used(self, name: str) -> float:
        """When a series of this metric is used now: series of models at their last change, others for ever."""
        return self._change if name in OF_MODELS else inf

    def _add(self, name: str, *labels: str, amount: float = 1) -> None:
        self._series(name, labels, 1)[0] += amount

    def _observe(self, name: str, labels: tuple[str, ...], *values: float) -> None:
        edges = METRICS[name].buckets
        numbers = self._series(name, labels, len(edges) + 2)
        for value in values:
            numbers[bisect_left(edges, value)] += 1
            numbers[-1] += value

    def _observe_all(self, name: str, labels: tuple[str, ...], values: Floats) -> None:
        if len(values) < _FEW:
            self._observe(name, labels, *values.tolist())
            return
        edges = _EDGES[name]
        numbers = np.asarray(self._series(name, labels, len(edges) + 1))
        # Sorting the values costs a quarter of searching the edges for each of them.
        counts = np.searchsorted(np.sort(values), edges, side="right")
        counts[1:] -= counts[:-1]
        numbers[:-1] += counts
        with np.errstate(all="ignore"):
            numbers[-1] += values.sum()
