"""The baseline of a model: how the scores and z-scores of known orders are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass

SCORE_EDGES = tuple(step / 20 for step in range(1, 21))
ZSCORE_EDGES = (-10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MOST_ORDERS = 10**12


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts`, one more than there are `edges`: orders at an edge or below it, the last over all of them."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def shares(self) -> list[float]:
        """The counts as parts of 1."""
        total = sum(self.counts)
        return [count / total for count in self.counts]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The orders whose scores lie in the bin that ends at `to`, their mean score and the share of them that were late."""

    to: float
    orders: int
    mean_score: float
    observed_rate: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """Of `orders` orders: how many go to `review`, their `scores`, `zscores` by feature; `calibration` may be empty."""

    orders: int
    review: int
    scores: Histogram
    zscores: Mapping[str, Histogram]
    calibration: tuple[Calibration, ...] = ()
