"""The baseline of a model: how the scores and z-scores of known orders are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass

SCORE_EDGES = tuple(step / 20 for step in range(1, 21))
ZSCORE_EDGES = (-10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
MOST_ORDERS = 10**12


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts`, one more than `edges`: values up to each edge and over the one before; the last counts those over all edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def shares(self) -> list[float]:
        """The counts divided by their sum."""
        total = sum(self.counts)
        return [count / total for count in self.counts]


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
