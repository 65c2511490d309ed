"""Everything about a model except its numbers: its inputs, features, head, threshold, self-test and baseline."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

SCORE_EDGES = tuple(step / 20 for step in range(1, 21))
ZSCORE_EDGES = (-10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MOST_ORDERS = 10**12
CHECKED_ORDERS, CHECKED_DIFFERENCE = "checked_orders", "checked_difference"
ILLUSTRATIVE_SOURCE = "a worked example, computed by hand"


CATEGORY_LENGTH, CONTEXT_LENGTH = 64, 128
NUMBER, CATEGORY = "number", "category"
REFUSE, NONE = "refuse", "none"
Value: TypeAlias = float | str | None


@dataclass(frozen=True, slots=True)
class Input:
    """What an order holds under `name`: a number, or by its `kind` a category, which is one of the `values`.

    `minimum` and `maximum` are those of the training data, in the unit of the input; None is unbounded. `missing` replaces a
    value that an order lacks. An `unknown` category is rejected (refuse) or is none of the values; then it may be missing too.
    People can change an `actionable` input.
    """

    name: str
    unit: str = ""
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    kind: str = NUMBER
    missing: Value = None
    values: tuple[str, ...] = ()
    unknown: str = REFUSE
    actionable: bool = False

    @property
    def optional(self) -> bool:
        """Whether an order may lack it."""
        return self.missing is not None or self.unknown == NONE


@dataclass(frozen=True, slots=True)
class Feature:
    """What the network takes under `name`: a `function` of an input, which is the input `of` this name.

    `number` is the input itself, `log1p` the logarithm of 1 + it, `sin` and `cos` are of 2 pi times the number of `period`s in
    it. `is` and `missing` are 1 or 0: whether it is one of `values`, and whether an order lacks it.
    """

    name: str
    of: str
    function: str = "number"
    values: tuple[float | str, ...] = ()
    period: float | None = None

    @property
    def is_input(self) -> bool:
        """Whether it is its input as it is, under the same name."""
        return self.function == "number" and self.name == self.of

    @property
    def made_of(self) -> str:
        """How it is made, for people."""
        if self.function in ("is", "missing"):
            return f"{self.of} is {', '.join(map(str, self.values)) or 'missing'}"
        period = "" if self.period is None else f", period {self.period:g}"
        return self.of if self.function == "number" else f"{self.function} of {self.of}{period}"


@dataclass(frozen=True, slots=True)
class Context:
    """A text of an order that is never scored, such as its depot. Its `values` are those that are counted by name."""

    name: str
    values: tuple[str, ...]


def as_they_are(inputs: Iterable[Input]) -> tuple[Feature, ...]:
    """The features of a network that takes the inputs as they are."""
    return tuple(Feature(each.name, each.name) for each in inputs)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """`orders`, a value for each of the I inputs, and the `scores` that they must get, one number for each output."""

    orders: tuple[tuple[Value, ...], ...]
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
class InputCounts:
    """How many orders of a baseline lack an input, have an unknown category, and have each value of the category.

    None for an input that is never missing or never unknown; a number has no `counts`.
    """

    missing: int | None = None
    unknown: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """`orders` known orders: how many go to `review`, their `scores` and `zscores` by feature; `calibration` may be empty.

    `inputs` has the counts of each input that may be missing or is a category.
    """

    orders: int
    review: int
    scores: Histogram
    zscores: Mapping[str, Histogram]
    calibration: tuple[Calibration, ...] = ()
    inputs: Mapping[str, InputCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a model except its numbers. An order with a score of at least `threshold` goes to review.

    Without `features`, each input is a feature as it is. An order may have the texts of its `context`. What it has under the
    names that the model `also_accepts` is not used.
    """

    name: str
    version: str
    created: str
    description: str
    inputs: tuple[Input, ...]
    activations: tuple[str, ...]
    head: str
    threshold: float
    self_test: SelfTest
    provenance: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None
    features: tuple[Feature, ...] = ()
    context: tuple[Context, ...] = ()
    also_accepts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.features:
            object.__setattr__(self, "features", as_they_are(self.inputs))

    @property
    def prepared(self) -> bool:
        """Whether features are made of the inputs, or an order may lack some of them."""
        return self.features != as_they_are(self.inputs) or any(each.optional for each in self.inputs)

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

    @property
    def takes(self) -> tuple[tuple[str, Hashable], ...]:
        """What a batch of orders is decoded by: models with the same take the same batches."""
        return tuple((each.name, (each.kind, each.values, each.unknown, each.optional)) for each in self.inputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.inputs)

    @property
    def actionable_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.inputs if each.actionable)

    @property
    def context_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.context)


Reserved: TypeAlias = Callable[[Manifest], Collection[str]]
"""The names that no input and no context of a model with this manifest may have."""


def no_names(_: Manifest) -> Collection[str]:
    """No reserved names."""
    return ()
