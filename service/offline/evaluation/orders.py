"""Evaluated orders: orders with their scores and with what happened to them, from a file or from a decision log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.core.batch import Flags, Floats, Positions


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedOrders:
    """n orders whose outcomes are known.

    `x` (n, I) has their encoded inputs, `scores` (n,) what the model gave them, and `late` (n,) what happened. `review` (n,)
    are the orders that went to review, `acted_on` (n,) those that somebody acted on, and `holdout` (n,) those that would have
    gone to review but for the holdout, which keeps the `share` of orders out of it. `days` (n,) are indices of the sorted
    `day_names`, such as 2026-11-30. `context` has the texts (n,) by the name of each context.
    """

    ids: Sequence[str]
    x: Floats
    scores: Floats
    late: Flags
    review: Flags
    acted_on: Flags
    holdout: Flags
    share: float
    days: Positions
    day_names: Sequence[str]
    context: Mapping[str, Sequence[str | None]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def untouched(self) -> Floats:
        """(n,): how many orders each one stands for, if nobody had acted on any; 0 for those that are left out.

        Where there is a holdout, one of its orders stands for those that went to review, which would count twice.
        """
        weights = np.where(self.acted_on, 0.0, 1.0)
        if self.holdout.any():
            weights[self.review] = 0.0
            weights[self.holdout & ~self.acted_on] = 1.0 / self.share
        return weights
