"""Diagnosis: what a model's inside does on real orders, gathered chunk by chunk.

It answers what goes wrong first in a forward pass: features on another scale than in training (z-scores far out), units
that never switch on, and outputs pressed against 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.core.batch import Floats
from model.core.risk_model import RiskModel
from schemas.files.row import RESERVED_NAMES

SATURATED = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """Of `orders` orders: `z_low` and `z_high` (F,); `out_of_range` (F,) counts orders outside the training range.

    `active` has, for each hidden layer, the count (U,) of orders whose activation is over zero; `low` and `high` count
    scores within SATURATED of 0 and of 1, `review` those at the threshold or over it.
    """

    orders: int
    z_low: Floats
    z_high: Floats
    out_of_range: npt.NDArray[np.intp]
    active: tuple[npt.NDArray[np.intp], ...]
    low: int
    high: int
    review: int

    def plus(self, other: "Diagnosis") -> "Diagnosis":
        """Both sets of orders together."""
        return Diagnosis(
            self.orders + other.orders,
            np.minimum(self.z_low, other.z_low),
            np.maximum(self.z_high, other.z_high),
            self.out_of_range + other.out_of_range,
            tuple(mine + theirs for mine, theirs in zip(self.active, other.active, strict=True)),
            self.low + other.low,
            self.high + other.high,
            self.review + other.review,
        )


def diagnose(model: RiskModel, x: Floats) -> Diagnosis:
    """Look at x (n, F), n at least 1, in the model's feature order. Raises NotServable."""
    model.require_risk(reserved=RESERVED_NAMES)
    with np.errstate(all="ignore"):
        zscores = model.standardizer(x)
        *hidden, last = model.network.forward(zscores)
        scores = model.head(last.activations)
    return Diagnosis(
        orders=len(x),
        z_low=zscores.min(axis=0),
        z_high=zscores.max(axis=0),
        out_of_range=model.out_of_range(x).sum(axis=0),
        active=tuple((step.activations > 0.0).sum(axis=0) for step in hidden),
        low=int((scores <= SATURATED).sum()),
        high=int((scores >= 1.0 - SATURATED).sum()),
        review=int((scores[:, 0] >= model.manifest.threshold).sum()),
    )
