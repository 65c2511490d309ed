"""Zeros: the series that a worker shows before anything has happened, by the lineup that it serves.

To Prometheus a series that begins with its first event has not grown by it: the first error of a new worker, and the first
batch of a new version, would be lost to every rate. What only an event can tell, a caller's name or an error's, has no zero.
"""

from collections.abc import Callable, Iterable
from itertools import product

from schemas.decision import QUEUES
from schemas.problem import BATCH_CODES
from service.lineup import Lineup
from service.metrics import METRICS
from service.tally import Tally

Labels = Iterable[tuple[str, ...]]

_STATUSES = ("200", "400", "401", "422", "500", "503")
_STAGES = ("wait", "decode", "score", "encode")
_OUTCOMES = ("scored", "dropped", "failed")
_DIRECTIONS = ("monitor_to_review", "review_to_monitor")


def _of(*values: Iterable[str]) -> Callable[[Lineup], Labels]:
    """The same labels whatever the lineup."""
    return lambda _: product(*values)


def _version(lineup: Lineup) -> Labels:
    return [(lineup.champion.model.manifest.version,)]


def _features(lineup: Lineup) -> Labels:
    return product(lineup.champion.model.manifest.feature_names)


def _challenger(lineup: Lineup) -> Labels:
    return [] if lineup.challenger is None else [(lineup.challenger.manifest.version,)]


def _both(lineup: Lineup) -> Labels:
    return [(*before, *behind) for before, behind in product(_version(lineup), _challenger(lineup))]


def _each(labels: Callable[[Lineup], Labels], values: Iterable[str]) -> Callable[[Lineup], Labels]:
    """These labels with each of the values behind them."""
    return lambda lineup: [(*before, value) for before, value in product(labels(lineup), values)]


ZEROS: dict[str, Callable[[Lineup], Labels]] = {
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


def show(tally: Tally, lineup: Lineup) -> None:
    """Show what this lineup can count from 0 on."""
    for name, labels in ZEROS.items():
        for values in labels(lineup):
            with tally.lock:  # for one at a time: requests count meanwhile
                tally.enter((name, *values), METRICS[name].width)
