"""Everything about a model except its numbers: its features, head, threshold, self-test and baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.core.baseline import Baseline


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
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)
