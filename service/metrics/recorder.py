"""Metrics: all that the service counts, a row each, kept in a Tally.

Counters and histograms are summed over the workers whichever of them is scraped. A histogram's cells are the counts of
its buckets, not cumulated, and the sum of its observations.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.core.baseline import SCORE_EDGES, ZSCORE_EDGES
from model.core.batch import Floats
from model.core.risk_model import RiskModel, Scores
from schemas.faults import Fault
from schemas.result import QUEUES
from service.shared.counters import SharedCounters

Stages = Sequence[tuple[str, float, float]]
"""Names, each with its begin and end on the performance counter, in seconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter, or a histogram where it has `buckets`: upper edges, inclusive, in the metric's unit; or a `gauge`."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    gauge: bool = False

    @property
    def width(self) -> int:
        """How many cells a series takes in the tally."""
        return len(self.buckets) + 2 if self.buckets else 1


_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_SECONDS)
_BATCH = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
_DIFFERENCE = (-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.001, 0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

METRICS = {
    "http_request_duration_seconds": Metric(
        "Time that a request waits for a thread of its worker, and from then on to its answer.",
        ("method", "route", "status"),
        _SECONDS,
    ),
    "delivery_risk_stage_duration_seconds": Metric(
        "Time that an answered batch takes in a stage; in `wait`, that any request waits for a thread.", ("stage",), _STAGE
    ),
    "delivery_risk_score": Metric("Scores answered.", ("model_version",), SCORE_EDGES),
    "delivery_risk_orders_total": Metric("Orders answered, by the queue they went to.", ("model_version", "queue")),
    "delivery_risk_batch_orders": Metric("Orders in an answered batch.", (), _BATCH),
    "delivery_risk_rejected_orders_total": Metric(
        "Faulty orders, each counted once for each of its codes; a fault of the batch itself counts one.", ("code",)
    ),
    "delivery_risk_unscored_orders_total": Metric(
        "Orders received in a readable batch that got no score: all of one that is refused as a whole, the faulty ones of one "
        "that is answered in part."
    ),
    "delivery_risk_out_of_range_total": Metric("Orders answered with the feature outside the model's range.", ("feature",)),
    "delivery_risk_feature_zscore": Metric("Standardized features of the orders answered.", ("feature",), ZSCORE_EDGES),
    "delivery_risk_model_reload_failures_total": Metric(
        "Times that a worker could not change to the version that the store wants.", ("role", "reason")
    ),
    "delivery_risk_challenger_score_difference": Metric(
        "The challenger's score less the champion's.", ("model_version", "challenger_version"), _DIFFERENCE
    ),
    "delivery_risk_challenger_queue_changes_total": Metric(
        "Orders that the challenger would send to another queue.", ("model_version", "challenger_version", "direction")
    ),
    "delivery_risk_challenger_batches_total": Metric(
        "Batches that the challenger scored, that were dropped for want of time, or on which it failed.",
        ("challenger_version", "outcome"),
    ),
    "delivery_risk_requests_shed_total": Metric("Requests refused with 503 because of the service's own state.", ("reason",)),
    "delivery_risk_requests_overdue_total": Metric(
        "Requests that overstayed their time in a stage; for one in `compute` its worker is replaced.", ("stage",)
    ),
    "delivery_risk_requests_in_progress": Metric("Requests for scores that a worker reads, computes or answers.", gauge=True),
    "delivery_risk_requests_lost_total": Metric(
        "Requests for scores that ended with their worker, whatever ended it: they have no answer and no duration."
    ),
    "delivery_risk_requests_by_caller_total": Metric("Requests with a valid token, by whose it is.", ("caller",)),
    "delivery_risk_tokens_file_failures_total": Metric(
        "Times that a worker looked at the tokens file and it was not sound; what was in force stays."
    ),
    "delivery_risk_workers_started_total": Metric("Workers started: the first ones, and each that took another's place."),
    "delivery_risk_metrics_unrecorded_total": Metric("Times that a series found no room and was not counted."),
}
_EDGES = {name: np.array([*metric.buckets, np.inf]) for name, metric in METRICS.items()}
_IN_PROGRESS = "delivery_risk_requests_in_progress"
_FEW = 8  # up to so many values, counting them one by one takes less than NumPy's calls


class Metrics:
    """Counts events for METRICS in the tally."""

    def __init__(self, counters: SharedCounters) -> None:
        self.counters = counters

    def request(self, method: str, route: str, status: int, seconds: float, waited: float | None) -> None:
        """An answered request, of whatever kind, and what of its time it waited for a thread, where that is known."""
        with self.counters.lock:
            self._observe("http_request_duration_seconds", (method, route, str(status)), seconds)
            if waited is not None:
                self._observe("delivery_risk_stage_duration_seconds", ("wait",), waited)

    def scored(self, model: RiskModel, scores: Scores, stages: Stages) -> None:
        """A batch that the model answered, and the stages that it went through."""
        version, names = model.manifest.version, model.manifest.feature_names
        orders, reviews = len(scores.review), int(np.count_nonzero(scores.review))
        with self.counters.lock:
            for queue, count in zip(QUEUES, (orders - reviews, reviews), strict=True):
                self._count("delivery_risk_orders_total", (version, queue), count)
            self._observe_all("delivery_risk_score", (version,), scores.scores)
            self._observe("delivery_risk_batch_orders", (), orders)
            for name, zscores in zip(names, scores.zscores.T, strict=True):
                self._observe_all("delivery_risk_feature_zscore", (name,), zscores)
            if np.count_nonzero(scores.out_of_range):
                for name, outside in zip(names, scores.out_of_range.T, strict=True):
                    self._count("delivery_risk_out_of_range_total", (name,), int(np.count_nonzero(outside)))
            for stage, begin, end in stages:
                self._observe("delivery_risk_stage_duration_seconds", (stage,), end - begin)

    def refused(self, faults: Iterable[Fault], unscored: int) -> None:
        """Faults of a batch and its orders, and how many orders got no score for them."""
        with self.counters.lock:
            self._count("delivery_risk_unscored_orders_total", (), unscored)
            for code, _ in {(fault.code, fault.position) for fault in faults}:
                self._count("delivery_risk_rejected_orders_total", (code,), 1)

    def shed(self, reason: str) -> None:
        """A request that is refused because of the service's own state."""
        with self.counters.lock:
            self._count("delivery_risk_requests_shed_total", (reason,), 1)

    def overdue(self, stage: str) -> None:
        """A request that has overstayed its time in a stage."""
        with self.counters.lock:
            self._count("delivery_risk_requests_overdue_total", (stage,), 1)

    def entered(self) -> None:
        """A request for scores that a thread has taken up."""
        with self.counters.lock:
            self._count(_IN_PROGRESS, (), 1)

    def left(self) -> None:
        """One that was, and is over."""
        with self.counters.lock:
            self._count(_IN_PROGRESS, (), -1)

    def ended(self) -> None:
        """The worker that counted in this slot is gone: what it had in progress is lost."""
        with self.counters.lock:
            cells = self.counters.series((_IN_PROGRESS,), 1)
            self._count("delivery_risk_requests_lost_total", (), cells[0])
            cells[0] = 0

    def called(self, caller: str) -> None:
        """A request with a valid token of this caller's."""
        with self.counters.lock:
            self._count("delivery_risk_requests_by_caller_total", (caller,), 1)

    def tokens_failed(self) -> None:
        """A look at a tokens file that is not sound."""
        with self.counters.lock:
            self._count("delivery_risk_tokens_file_failures_total", (), 1)

    def started(self) -> None:
        """A worker that begins."""
        with self.counters.lock:
            self._count("delivery_risk_workers_started_total", (), 1)

    def reload_failed(self, role: str, reason: str) -> None:
        """A version that the store wants and that could not be loaded; the reason is the kind of error."""
        with self.counters.lock:
            self._count("delivery_risk_model_reload_failures_total", (role, reason), 1)

    def tried(self, challenger: RiskModel, outcome: str) -> None:
        """What became of a batch that was there for the challenger: scored, dropped or failed."""
        with self.counters.lock:
            self._count("delivery_risk_challenger_batches_total", (challenger.manifest.version, outcome), 1)

    def compared(self, champion: RiskModel, challenger: RiskModel, differences: Floats, moves: Mapping[str, int]) -> None:
        """Differences of the challenger's scores to the champion's, and how many orders it would move, by direction."""
        versions = (champion.manifest.version, challenger.manifest.version)
        with self.counters.lock:
            self._observe_all("delivery_risk_challenger_score_difference", versions, differences)
            for direction, count in moves.items():
                self._count("delivery_risk_challenger_queue_changes_total", (*versions, direction), count)

    def _count(self, name: str, labels: tuple[str, ...], amount: float) -> None:
        self.counters.series((name, *labels), 1)[0] += amount

    def _observe(self, name: str, labels: tuple[str, ...], *values: float) -> None:
        edges = METRICS[name].buckets
        cells = self.counters.series((name, *labels), len(edges) + 2)
        for value in values:
            cells[bisect_left(edges, value)] += 1
            cells[-1] += value

    def _observe_all(self, name: str, labels: tuple[str, ...], values: Floats) -> None:
        if len(values) < _FEW:
            self._observe(name, labels, *values.tolist())
            return
        edges = _EDGES[name]
        cells = np.asarray(self.counters.series((name, *labels), len(edges) + 1))
        # Sorting the values costs a quarter of searching the edges for each of them.
        counts = np.searchsorted(np.sort(values), edges, side="right")
        counts[1:] -= counts[:-1]
        cells[:-1] += counts
        with np.errstate(all="ignore"):
            cells[-1] += values.sum()
