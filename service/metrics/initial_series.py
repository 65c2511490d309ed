"""Zeros: the series that a worker shows before anything has happened, by the lineup that it serves.

To Prometheus a series that begins with its first event has not grown by it: the first error of a new worker, and the first
batch of a new version, would be lost to every rate. What only an event can tell, a caller's name or an error's, has no zero.
"""

from collections.abc import Callable, Iterable
from itertools import product

from schemas.faults import BATCH_CODES
from schemas.result import QUEUES
from service.metrics.recorder import METRICS
from service.serving.active_models import ActiveModels
from service.shared.counters import SharedCounters

Labels = Iterable[tuple[str, ...]]

_STATUSES = ("200", "400", "401", "422", "500", "503")
_STAGES = ("wait", "decode", "score", "encode")
_OUTCOMES = ("scored", "dropped", "failed")
_DIRECTIONS = ("monitor_to_review", "review_to_monitor")


def _of(*values: Iterable[str]) -> Callable[[ActiveModels], Labels]:
    """The same labels whatever the lineup."""
    return lambda _: product(*values)


def _version(active: ActiveModels) -> Labels:
    return [(active.champion.model.manifest.version,)]


def _features(active: ActiveModels) -> Labels:
    return product(active.champion.model.manifest.feature_names)


def _challenger(active: ActiveModels) -> Labels:
    return [] if active.challenger is None else [(active.challenger.manifest.version,)]


def _both(active: ActiveModels) -> Labels:
    return [(*before, *behind) for before, behind in product(_version(active), _challenger(active))]


def _each(labels: Callable[[ActiveModels], Labels], values: Iterable[str]) -> Callable[[ActiveModels], Labels]:
    """These labels with each of the values behind them."""
    return lambda active: [(*before, value) for before, value in product(labels(active), values)]


ZEROS: dict[str, Callable[[ActiveModels], Labels]] = {
    "http_request_duration_seconds": _of(["POST"], ["/score"], _STATUSES),
    "delivery_risk_stage_duration_seconds": _of(_STAGES),
    "delivery_risk_score": _version,
    "delivery_risk_orders_total": _each(_version, QUEUES),
    "delivery_risk_batch_orders": _of(),
    "delivery_risk_rejected_orders_total": _of(BATCH_CODES),
    "delivery_risk_unscored_orders_total": _of(),
    "delivery_risk_out_of_range_total": _features,
    "delivery_risk_feature_zscore": _features,
    "delivery_risk_challenger_score_difference": _both,
    "delivery_risk_challenger_queue_changes_total": _each(_both, _DIRECTIONS),
    "delivery_risk_challenger_batches_total": _each(_challenger, _OUTCOMES),
    "delivery_risk_requests_shed_total": _of(["busy"]),
    "delivery_risk_requests_overdue_total": _of(["read", "compute"]),
    "delivery_risk_requests_in_progress": _of(),
    "delivery_risk_requests_lost_total": _of(),
    "delivery_risk_tokens_file_failures_total": _of(),
    "delivery_risk_workers_started_total": _of(),
}


def show(counters: SharedCounters, active: ActiveModels) -> None:
    """Show what this lineup can count from 0 on."""
    for name, labels in ZEROS.items():
        for values in labels(active):
            with counters.lock:  # for one at a time: requests count meanwhile
                counters.enter((name, *values), METRICS[name].width)
