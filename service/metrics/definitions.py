"""The table of counters and histograms: what each of them means, its labels, its buckets and its initial series.

To Prometheus, a series that begins with its first event has not grown by it: the first error of a new worker and the first
batch of a new version would be lost to every rate. So series whose labels are known beforehand are shown at 0. Labels that
only an event can name, such as a caller, have no initial series.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from model.core.manifest import NONE, SCORE_EDGES, ZSCORE_EDGES, Input
from schemas.context import OTHER
from schemas.faults import BATCH_CODES
from schemas.result import QUEUES
from service.serving.active_models import ActiveModels
from service.shared.counters import UNRECORDED


class Known(NamedTuple):
    """What initial series are made of: the active models, and method and path of the routes that score."""

    active: ActiveModels
    scoring_routes: Sequence[tuple[str, str]]


Labels = dict[str, Sequence[str] | Callable[[Known], Sequence[str]]]
"""Labels with the values that are known beforehand; none where only an event can name them."""


COUNTED_VALUES = 100
"""Orders are counted by the values of a category that has at most so many: a model file may have a thousand of an input."""


def is_counted(values: Collection[str]) -> bool:
    """Whether orders are counted by these values of an input; a number has none."""
    return 0 < len(values) <= COUNTED_VALUES


def _inputs(known: Known) -> Sequence[Input]:
    return known.active.champion.model.manifest.inputs


def _values(known: Known) -> Iterable[tuple[str, str]]:
    return ((each.name, value) for each in _inputs(known) if is_counted(each.values) for value in each.values)


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter; a histogram where it has `buckets`, inclusive upper edges in the metric's unit; or a `gauge`.

    `series` gives the labels of the initial series where they are not every combination of the known values of each label.
    """

    help: str
    labels: Labels = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    gauge: bool = False
    series: Callable[[Known], Iterable[tuple[str, ...]]] | None = None

    @property
    def width(self) -> int:
        """How many numbers a series takes in the shared counters."""
        return len(self.buckets) + 2 if self.buckets else 1

    def initial(self, known: Known) -> Iterable[tuple[str, ...]]:
        """The labels of the series that are shown before anything happens."""
        if self.series is not None:
            return self.series(known)
        return product(*(values(known) if callable(values) else values for values in self.labels.values()))


OF_VERSION = ("model_version", "challenger_version")
"""Labels whose value is the version of a model."""

IN_PROGRESS = "delivery_risk_requests_in_progress"
WORKERS_STARTED, WORKERS_FAILED = "delivery_risk_workers_started_total", "delivery_risk_workers_failed_total"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_SECONDS)
_ORDERS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
_DIFFERENCE = (-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.001, 0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_FEATURE: Labels = {"feature": lambda known: known.active.champion.model.manifest.feature_names}
_INPUT: Labels = {"feature": lambda known: known.active.champion.model.manifest.input_names}
_OPTIONAL: Labels = {"input": lambda known: [each.name for each in _inputs(known) if each.optional]}
_OPEN: Labels = {"input": lambda known: [each.name for each in _inputs(known) if each.unknown == NONE]}
_VERSION: Labels = {"model_version": lambda known: [known.active.champion.model.manifest.version]}
_CHALLENGER: Labels = {
    "challenger_version": lambda known: [] if known.active.challenger is None else [known.active.challenger.manifest.version]
}
_VERSIONS: Labels = {**_VERSION, **_CHALLENGER}


def _by_context(known: Known) -> Iterable[tuple[str, ...]]:
    contexts = known.active.champion.model.manifest.context
    return ((each.name, value, queue) for each in contexts for value in (*each.values, OTHER) for queue in QUEUES)


METRICS = {
    # Series are entered in this order: first what must be counted even where memory is full.
    "delivery_risk_requests_overdue_total": Metric(
        "Requests over their time limit, by stage. The worker of one in stage `compute` is replaced.",
        {"stage": ("read", "compute", "send")},
    ),
    IN_PROGRESS: Metric("Scoring requests in progress.", gauge=True),
    "delivery_risk_requests_lost_total": Metric(
        "Scoring requests that ended with their worker. They have no answer and no duration."
    ),
    WORKERS_STARTED: Metric("Workers started, replacements included."),
    WORKERS_FAILED: Metric(
        "Workers that could not be started: no process (fork), no file to show that they are alive (heartbeat), or they ended "
        "before they were ready (start).",
        {"reason": ("fork", "heartbeat", "start")},
    ),
    "http_request_duration_seconds": Metric(
        "Duration of requests in seconds, from the wait for a worker to the answer.",
        {
            "method": lambda known: [method for method, _ in known.scoring_routes],
            "route": lambda known: [path for _, path in known.scoring_routes],
            "status": ("200", "400", "401", "422", "500", "503"),
        },
        _SECONDS,
    ),
    "delivery_risk_stage_duration_seconds": Metric(
        "Duration of the stages of answered batches in seconds. Stage `wait` is the queue time of every request.",
        {"stage": ("wait", "decode", "score", "explain", "record", "encode")},
        _STAGE_SECONDS,
    ),
    "delivery_risk_score": Metric("Scores of answered orders.", _VERSION, SCORE_EDGES),
    "delivery_risk_orders_total": Metric("Answered orders, by queue.", {**_VERSION, "queue": QUEUES}),
    "delivery_risk_explained_orders_total": Metric("Answered orders with an explanation."),
    "delivery_risk_holdout_orders_total": Metric("Answered orders that the holdout kept out of review."),
    "delivery_risk_batch_orders": Metric("Orders in each answered batch.", {}, _ORDERS),
    "delivery_risk_rejected_orders_total": Metric(
        "Rejected orders, by error code. An order counts once for each of its codes; a fault of the batch itself counts once.",
        {"code": BATCH_CODES},
    ),
    "delivery_risk_unscored_orders_total": Metric(
        "Orders of readable batches that got no score: all orders of a rejected batch, the faulty orders of a partial answer.",
    ),
    "delivery_risk_out_of_range_total": Metric("Answered orders with an input outside the model's range, by input.", _INPUT),
    "delivery_risk_imputed_total": Metric("Answered orders that lack an input, by input.", _OPTIONAL),
    "delivery_risk_unknown_category_total": Metric(
        "Answered orders with a category that the model does not know, by input.", _OPEN
    ),
    "delivery_risk_orders_by_context_total": Metric(
        f"Answered orders, by a value of their context that the model file lists, else `{OTHER}`, and by queue.",
        {"name": (), "value": (), "queue": ()},
        series=_by_context,
    ),
    "delivery_risk_feature_zscore": Metric("Standardized features of answered orders.", _FEATURE, ZSCORE_EDGES),
    "delivery_risk_category_orders_total": Metric(
        "Answered orders with this value of a category, for inputs with at most "
        f"{COUNTED_VALUES} values. Missing and unknown categories are counted by delivery_risk_imputed_total and "
        "delivery_risk_unknown_category_total.",
        {"input": (), "value": ()},
        series=_values,
    ),
    "delivery_risk_model_reload_failures_total": Metric(
        "Failed changes of a worker to the version that the registry names, by kind of error.", {"role": (), "reason": ()}
    ),
    "delivery_risk_challenger_score_difference": Metric(
        "Score of the challenger minus score of the champion.", _VERSIONS, _DIFFERENCE
    ),
    "delivery_risk_challenger_queue_changes_total": Metric(
        "Orders that the challenger would send to the other queue, by direction.",
        {**_VERSIONS, "direction": ("monitor_to_review", "review_to_monitor")},
    ),
    "delivery_risk_challenger_batches_total": Metric(
        "Batches offered to the challenger, by outcome: scored, dropped for lack of time, or failed.",
        {**_CHALLENGER, "outcome": ("scored", "dropped", "failed")},
    ),
    "delivery_risk_outcomes_total": Metric(
        "Outcomes of orders that were received and kept, by whether the order was late. An order may have several.",
        {"late": ("true", "false")},
    ),
    "delivery_risk_requests_shed_total": Metric(
        "Requests answered 503 because the server is at its concurrency limit.", {"reason": ["busy"]}
    ),
    "delivery_risk_requests_by_caller_total": Metric("Authenticated requests, by caller.", {"caller": ()}),
    "delivery_risk_tokens_file_failures_total": Metric(
        "Reads of the tokens file that failed. The tokens in force stay in force."
    ),
    "delivery_risk_log_lines_dropped_total": Metric(
        "Log lines dropped because nobody read the log, or because it could not be written."
    ),
    UNRECORDED[0]: Metric("Updates dropped because metrics memory was full."),
}
_OF_MODEL = {*OF_VERSION, "feature", "input"}
OF_MODELS = frozenset(name for name, metric in METRICS.items() if not _OF_MODEL.isdisjoint(metric.labels))
"""Metrics whose series are no longer needed once their version, feature or input is out of use."""
