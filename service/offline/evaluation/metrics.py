"""Metrics of scores, with weights, on orders that are sorted once: they are computed a thousand times for an interval.

They are those of scikit-learn 1.9: roc_auc_score, average_precision_score, brier_score_loss and log_loss, with sample_weight.
"""

from collections.abc import Callable

import numpy as np

from model.core.batch import Flags, Floats, Positions
from service.offline.evaluation.evaluation import METRICS as NAMES
from service.offline.evaluation.evaluation import CalibrationBin

BINS = 10
_EPSILON = np.finfo(np.float64).eps


class SortedScores:
    """n orders by score: `order` (n,) are their positions. Weights (n,) are given in that order.

    A metric is None where it is not defined: without orders, or the AUC without both outcomes.
    """

    def __init__(self, scores: Floats, late: Flags) -> None:
        self.order: Positions = np.argsort(scores, kind="stable")
        self.scores, self.late = scores[self.order], late[self.order]
        starts = np.flatnonzero(np.diff(self.scores, prepend=-1.0))
        self._ties: Positions = starts
        self._bins = [part[0] for part in np.array_split(np.arange(len(scores)), BINS) if len(part)]
        late_number = self.late.astype(np.float64)
        clipped = np.clip(self.scores, _EPSILON, 1.0 - _EPSILON)
        self._squares = (self.scores - late_number) ** 2
        self._losses = -np.where(self.late, np.log(clipped), np.log1p(-clipped))

    def __len__(self) -> int:
        return len(self.order)

    def auc(self, weights: Floats) -> float | None:
        """The probability that a late order scores higher than another one; ties count half."""
        late, on_time = self._by_score(weights)
        both = late.sum() * on_time.sum()
        below = np.cumsum(on_time) - on_time
        return float(np.sum(late * (below + on_time / 2)) / both) if both else None

    def average_precision(self, weights: Floats) -> float | None:
        """The mean of the precision at each score, weighted by the recall that it adds."""
        late, on_time = (each[::-1] for each in self._by_score(weights))
        found, total = np.cumsum(late), late.sum()
        reviewed = found + np.cumsum(on_time)
        precision = np.divide(found, reviewed, out=np.zeros_like(found), where=reviewed > 0)
        return float(np.sum(late * precision) / total) if total else None

    def brier(self, weights: Floats) -> float | None:
        """The mean square of score minus outcome."""
        return _mean(self._squares, weights)

    def log_loss(self, weights: Floats) -> float | None:
        """The mean of minus the logarithm of what the score gave the outcome."""
        return _mean(self._losses, weights)

    def calibration_error(self, weights: Floats) -> float | None:
        """The mean distance of mean score and late share over BINS bins of equally many orders, weighted by their weight."""
        total = weights.sum()
        if not total:
            return None
        gaps = np.add.reduceat(weights * (self.scores - self.late), self._bins)
        return float(np.abs(gaps).sum() / total)

    def calibration(self) -> list[CalibrationBin]:
        """The bins, each order with weight 1."""
        parts = zip(np.split(self.scores, self._bins[1:]), np.split(self.late, self._bins[1:]), strict=True)
        return [
            CalibrationBin(len(scores), float(scores[0]), float(scores[-1]), float(scores.mean()), float(late.mean()))
            for scores, late in parts
            if len(scores)
        ]

    def _by_score(self, weights: Floats) -> tuple[Floats, Floats]:
        """The weights of late orders and of the others, by distinct score."""
        if not len(self):
            return np.empty(0), np.empty(0)
        late = np.add.reduceat(np.where(self.late, weights, 0.0), self._ties)
        return late, np.add.reduceat(weights, self._ties) - late


METRICS: dict[str, Callable[[SortedScores, Floats], float | None]] = {name: getattr(SortedScores, name) for name in NAMES}


def _mean(values: Floats, weights: Floats) -> float | None:
    total = weights.sum()
    return float(np.sum(values * weights) / total) if total else None
