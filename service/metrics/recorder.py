"""Recorder: counts events for METRICS in the shared counters."""

from collections.abc import Iterable, Mapping
from functools import partial
from math import inf
from typing import Any

import numpy as np

from model.core.batch import Floats
from model.core.risk_model import RiskModel
from schemas import context
from schemas.result import ScoredBatch
from service.metrics.definitions import IN_PROGRESS, LOG_FAILING, METRICS, OF_MODELS, Known
from service.metrics.retention import KEPT, horizon
from service.metrics.series import HistogramSeries, ModelSeries, observe_all
from service.shared.counters import SharedCounters
from service.telemetry.request_context import Timing

_NAMED = {
    "out_of_range": "delivery_risk_out_of_range_total",
    "imputed": "delivery_risk_imputed_total",
    "unknown": "delivery_risk_unknown_category_total",
}
"""The metric of each of schemas.result.NAMED."""


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
            self._numbers(name, *labels)[0] += amount

    def request(
        self, method: str, route: str, status: int, seconds: float, timings: Iterable[Timing], scored: ScoredBatch | None = None
    ) -> None:
        """An answered request of any kind, its stages and the batch that was `scored` for it, answered or rejected.

        A batch whose answer failed in the service is neither.
        """
        with self.counters.lock:
            self._histogram("http_request_duration_seconds", method, route, status).observe(seconds)
            for stage, begin, end in timings:
                self._histogram("delivery_risk_stage_duration_seconds", stage).observe(end - begin)
            if scored is not None and status < 500:
                self._batch(scored)

    def _batch(self, scored: ScoredBatch) -> None:
        faults = scored.decoded.faults
        if faults:
            self._add("delivery_risk_unscored_orders_total", amount=scored.decoded.received - scored.answered)
            for code, _ in {(fault.code, fault.position) for fault in faults}:
                self._add("delivery_risk_rejected_orders_total", code)
        if scored.answerable:
            self._model(scored.model).count(scored.decoded.batch, scored.scores)
            if scored.flags or scored.decoded.context:
                self._named(scored)
            if scored.explanations is not None:
                self._add("delivery_risk_explained_orders_total", amount=len(scored.explanations))
            if scored.holdout is not None:
                self._add("delivery_risk_holdout_orders_total", amount=len(scored.holdout.orders))

    def _named(self, scored: ScoredBatch) -> None:
        """The inputs that the results name, and the context of the orders."""
        for what, flagged in scored.flags.items():
            for name, count in zip(scored.model.manifest.input_names, np.count_nonzero(flagged, axis=0), strict=True):
                if count:
                    self._add(_NAMED[what], name, amount=int(count))
        for name, counted in context.counts(scored).items():
            for (value, queue), count in counted.items():
                self._add("delivery_risk_orders_by_context_total", name, value, queue, amount=count)

    def worker_ended(self, slot: int) -> None:
        """The worker that counted in this slot is gone: its requests in progress are lost."""
        self.count("delivery_risk_requests_lost_total", amount=self.counters.take(slot, (IN_PROGRESS,)))
        self.counters.take(slot, (LOG_FAILING,))

    def total(self, name: str, *labels: str) -> float:
        """What all processes have counted of a counter."""
        return self.counters.total((name, *labels))

    def compared(self, champion: RiskModel, challenger: RiskModel, differences: Floats, moves: Mapping[str, int]) -> None:
        """The challenger's scores minus the champion's, and how many orders would change their queue, by direction."""
        versions = (champion.manifest.version, challenger.manifest.version)
        with self.counters.lock:
            histogram = self._histogram("delivery_risk_challenger_score_difference", *versions)
            observe_all([histogram], differences[np.newaxis])
            for direction, count in moves.items():
                self._add("delivery_risk_challenger_queue_changes_total", *versions, direction, amount=count)

    def _numbers(self, name: str, *labels: str) -> "memoryview[float]":
        key = (name, *labels)
        return self.counters.entered.get(key) or self.counters.series(key, METRICS[name].width, self._used(name))

    def _used(self, name: str) -> float:
        """When a series of this metric is used now: series of models at their last change, others for ever."""
        return self._change if name in OF_MODELS else inf

    def _add(self, name: str, *labels: str, amount: float = 1) -> None:
        self._numbers(name, *labels)[0] += amount

    def _histogram(self, *key: Any) -> HistogramSeries:
        """The series of this name and these labels."""
        found: HistogramSeries | None = self.counters.looked_up.get(key)
        return found or self.counters.look_up(key, partial(HistogramSeries, self._numbers, *map(str, key)))

    def _model(self, model: RiskModel) -> ModelSeries:
        """The series of this model; those of the last model are kept."""
        found: ModelSeries | None = self.counters.looked_up.get(ModelSeries)
        if found is not None and found.manifest is model.manifest:
            return found
        return self.counters.look_up(ModelSeries, partial(ModelSeries, self._numbers, model.manifest))
