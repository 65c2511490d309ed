"""The table of counters and histograms: what each of them means, its labels, its buckets and its initial series.

To Prometheus, a series that begins with its first event has not grown by it: the first error of a new worker and the first
batch of a new version would be lost to every rate. So series whose labels are known beforehand are shown at 0. Labels that
only an event can name, such as a caller, have no initial series.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from model.core.baseline import SCORE_EDGES, ZSCORE_EDGES
from schemas.faults import BATCH_CODES
from schemas.result import QUEUES
from service.serving.active_models import ActiveModels

Labels = Iterable[tuple[str, ...]]


class Known(NamedTuple):
    """What initial series are made of: the active models, and method and path of the routes that score."""

    active: ActiveModels
    scoring_routes: Sequence[tuple[str, str]]


Initial = Callable[[Known], Labels]


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter; a histogram where it has `buckets`, inclusive upper edges in the metric's unit; or a `gauge`.

    `initial` gives the labels of the series that are shown before anything happens; None gives no series.
    """

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    initial: Initial | None = None
    gauge: bool = False

    @property
    def width(self) -> int:
        """How many numbers a series takes in the shared counters."""
        return len(self.buckets) + 2 if self.buckets else 1


def _always(*values: Iterable[str]) -> Initial:
    """Every combination of these values."""
    return lambda _: product(*values)


def _requests(known: Known) -> Labels:
    statuses = ("200", "400", "401", "422", "500", "503")
    return [(method, path, status) for (method, path), status in product(known.scoring_routes, statuses)]


def _version(known: Known) -> Labels:
    return [(known.active.champion.model.manifest.version,)]


def _features(known: Known) -> Labels:
    return product(known.active.champion.model.manifest.feature_names)


def _challenger(known: Known) -> Labels:
    return [] if known.active.challenger is None else [(known.active.challenger.manifest.version,)]


def _both_versions(known: Known) -> Labels:
    return [(*champion, *challenger) for champion, challenger in product(_version(known), _challenger(known))]


def _with(labels: Initial, values: Iterable[str]) -> Initial:
    """These labels, each followed by each of the values."""
    return lambda known: [(*first, last) for first, last in product(labels(known), values)]


IN_PROGRESS = "delivery_risk_requests_in_progress"
_once = _always()
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_SECONDS)
_ORDERS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
_DIFFERENCE = (-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.001, 0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_VERSIONS = ("model_version", "challenger_version")

METRICS = {
    "http_request_duration_seconds": Metric(
        "Duration of requests in seconds, from the wait for a thread to the answer.",
        ("method", "route", "status"),
        _SECONDS,
        _requests,
    ),
    "delivery_risk_stage_duration_seconds": Metric(
        "Duration of the stages of answered batches in seconds. Stage `wait` is the queue time of every request.",
        ("stage",),
        _STAGE_SECONDS,
        _always(("wait", "decode", "score", "encode")),
    ),
    "delivery_risk_score": Metric("Scores of answered orders.", ("model_version",), SCORE_EDGES, _version),
    "delivery_risk_orders_total": Metric(
        "Answered orders, by queue.", ("model_version", "queue"), initial=_with(_version, QUEUES)
    ),
    "delivery_risk_batch_orders": Metric("Orders in each answered batch.", (), _ORDERS, _once),
    "delivery_risk_rejected_orders_total": Metric(
        "Rejected orders, by error code. An order counts once for each of its codes; a fault of the batch itself counts once.",
        ("code",),
        initial=_always(BATCH_CODES),
    ),
    "delivery_risk_unscored_orders_total": Metric(
        "Orders of readable batches that got no score: all orders of a rejected batch, the faulty orders of a partial answer.",
        initial=_once,
    ),
    "delivery_risk_out_of_range_total": Metric(
        "Answered orders whose feature is outside the model's range, by feature.", ("feature",), initial=_features
    ),
    "delivery_risk_feature_zscore": Metric("Standardized features of answered orders.", ("feature",), ZSCORE_EDGES, _features),
    "delivery_risk_model_reload_failures_total": Metric(
        "Failed changes of a worker to the version that the registry names, by kind of error.", ("role", "reason")
    ),
    "delivery_risk_challenger_score_difference": Metric(
        "Score of the challenger minus score of the champion.", _VERSIONS, _DIFFERENCE, _both_versions
    ),
    "delivery_risk_challenger_queue_changes_total": Metric(
        "Orders that the challenger would send to the other queue, by direction.",
        (*_VERSIONS, "direction"),
        initial=_with(_both_versions, ("monitor_to_review", "review_to_monitor")),
    ),
    "delivery_risk_challenger_batches_total": Metric(
        "Batches offered to the challenger, by outcome: scored, dropped for lack of time, or failed.",
        ("challenger_version", "outcome"),
        initial=_with(_challenger, ("scored", "dropped", "failed")),
    ),
    "delivery_risk_requests_shed_total": Metric(
        "Requests answered 503 because the server is at its concurrency limit.", ("reason",), initial=_always(["busy"])
    ),
    "delivery_risk_requests_overdue_total": Metric(
        "Requests over their time limit, by stage. The worker of one in stage `compute` is replaced.",
        ("stage",),
        initial=_always(("read", "compute")),
    ),
    IN_PROGRESS: Metric("Scoring requests in progress.", initial=_once, gauge=True),
    "delivery_risk_requests_lost_total": Metric(
        "Scoring requests that ended with their worker. They have no answer and no duration.", initial=_once
    ),
    "delivery_risk_requests_by_caller_total": Metric("Authenticated requests, by caller.", ("caller",)),
    "delivery_risk_tokens_file_failures_total": Metric(
        "Reads of the tokens file that failed. The tokens in force stay in force.", initial=_once
    ),
    "delivery_risk_workers_started_total": Metric("Workers started, replacements included.", initial=_once),
    "delivery_risk_metrics_unrecorded_total": Metric("Updates dropped because metrics memory was full."),
}
