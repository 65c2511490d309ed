"""Evaluation: what is said of a model's scores, for text, JSON, plots and the report alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

METRICS = ("auc", "average_precision", "brier", "log_loss", "calibration_error")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric with its 95 % interval, by a bootstrap of days. None where it is not defined, as the AUC of one class."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the orders, such as `untouched` or those with a context, and the metrics of their scores."""

    name: str
    orders: int
    late: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """One of ten bins with equally many orders, by score."""

    orders: int
    lowest: float
    highest: float
    mean_score: float
    late_share: float


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What a threshold does. `precision` is None where no order reaches it."""

    threshold: float
    review_share: float
    reviews_a_day: float
    precision: float | None
    recall: float


@dataclass(frozen=True, slots=True)
class Day:
    """The orders of a day, and how many of them reach the model's threshold and the recommended one."""

    name: str
    orders: int
    late: int
    reviews: int
    recommended: int | None


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """The orders whose scores are in a bin, by outcome."""

    lowest: float
    highest: float
    late: int
    on_time: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A threshold, what it was chosen for, and in sentences what it costs to be wrong about it."""

    threshold: float
    reason: str
    row: ThresholdRow
    consequences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of a model on orders. `notes` are sentences on what was left out and what looks wrong.

    `model` is its name, version and sha256. The calibration, the thresholds and the scores are those of all orders.
    """

    source: str
    model: Mapping[str, str]
    threshold: float
    orders: int
    late: int
    groups: Sequence[Group]
    calibration: Sequence[CalibrationBin]
    thresholds: Sequence[ThresholdRow]
    days: Sequence[Day]
    scores: Sequence[ScoreBin]
    recommendation: Recommendation | None
    notes: Sequence[str]
