"""What a network does inside on real orders.

It shows what usually goes wrong first: features on another scale than in training (large z-scores), hidden units that are
never active, and saturated scores.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.core.batch import Floats
from model.core.risk_model import RiskModel
from schemas.files.row import RESERVED_NAMES, Row
from service.offline.chunks import read_chunks

SATURATED = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """Counts over `orders` orders. By feature, (F,): `z_low`, `z_high` and how many orders are `out_of_range`.

    `active` has for each hidden layer, by unit, (U,): the orders with an activation over 0. `low` and `high` count scores
    within SATURATED of 0 and of 1, `review` those at the threshold or over it.
    """

    orders: int
    z_low: Floats
    z_high: Floats
    out_of_range: npt.NDArray[np.intp]
    active: tuple[npt.NDArray[np.intp], ...]
    low: int
    high: int
    review: int

    def __add__(self, other: "Inspection") -> "Inspection":
        return Inspection(
            self.orders + other.orders,
            np.minimum(self.z_low, other.z_low),
            np.maximum(self.z_high, other.z_high),
            self.out_of_range + other.out_of_range,
            tuple(mine + theirs for mine, theirs in zip(self.active, other.active, strict=True)),
            self.low + other.low,
            self.high + other.high,
            self.review + other.review,
        )


def inspect_orders(model: RiskModel, rows: Iterable[Row]) -> tuple[Inspection | None, int]:
    """Inspect the network on the rows of a file: None if no row is an order, and how many are rejected. Raises NotServable."""
    total, rejected = None, 0
    for chunk in read_chunks(model.manifest.feature_names, rows):
        orders = chunk.decoded.batch
        rejected += len(chunk.unreadable) + len(chunk.read) - len(orders)
        if len(orders):
            found = inspect(model, orders.matrix)
            total = found if total is None else total + found
    return total, rejected


def inspect(model: RiskModel, x: Floats) -> Inspection:
    """Inspect the network on x (n, F), n at least 1, in the model's feature order. Raises NotServable."""
    model.require_risk(reserved=RESERVED_NAMES)
    with np.errstate(all="ignore"):
        zscores = model.standardizer(x)
        *hidden, last = model.network.forward(zscores)
        scores = model.head(last.activations)
    return Inspection(
        orders=len(x),
        z_low=zscores.min(axis=0),
        z_high=zscores.max(axis=0),
        out_of_range=model.out_of_range(x).sum(axis=0),
        active=tuple((step.activations > 0.0).sum(axis=0) for step in hidden),
        low=int((scores <= SATURATED).sum()),
        high=int((scores >= 1.0 - SATURATED).sum()),
        review=int((scores[:, 0] >= model.manifest.threshold).sum()),
    )
