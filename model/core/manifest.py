"""Everything about a model except its numbers: its features, head, threshold, self-test and baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SCORE_EDGES = tuple(step / 20 for step in range(1, 21))
ZSCORE_EDGES = (-10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MOST_ORDERS = 10**12
CHECKED_ORDERS, CHECKED_DIFFERENCE = "checked_orders", "checked_difference"
ILLUSTRATIVE_SOURCE = "a worked example, computed by hand"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature. `minimum` and `maximum` are those of the training data, in the unit of the feature; None is unbounded."""

    name: str
    unit: str = ""
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """`orders`, F numbers each, and the `scores` that the network must give them, one number for each output."""

    orders: tuple[tuple[float, ...], ...]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts`, one more than `edges`: values up to each edge and over the one before; the last counts those over all edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The `orders` with scores in the bin up to `to`, their mean score and the fraction of them that was late."""

    to: float
    orders: int
    mean_score: float
    observed_rate: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """`orders` known orders: how many go to `review`, their `scores` and `zscores` by feature; `calibration` may be empty."""

    orders: int
    review: int
    scores: Histogram
    zscores: Mapping[str, Histogram]
    calibration: tuple[Calibration, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a model except its numbers. An order with a score of at least `threshold` goes to review."""

    name: str
    version: str
    created: str
    description: str
    features: tuple[Feature, ...]
    activations: tuple[str, ...]
    head: str
    threshold: float
    self_test: SelfTest
    provenance: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None

    @property
    def compared(self) -> bool:
        """Whether its scores were compared with those of its training script when it was imported. See its provenance."""
        return CHECKED_ORDERS in self.provenance

    @property
    def illustrative(self) -> bool:
        """Whether this is the packaged model, or a version made of it, such as one with a baseline."""
        return self.provenance.get("source") == ILLUSTRATIVE_SOURCE

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)
