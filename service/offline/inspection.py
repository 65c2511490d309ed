"""What a network does inside on real orders.

It shows what usually goes wrong first: features on another scale than in training (large z-scores), hidden units that are
never active, and saturated scores.
"""

import numpy as np

from model.core.batch import Floats
from model.core.risk_model import RiskModel
from model.errors import NotExplainable
from schemas.files.row import Reader, reserved_names
from service.offline.chunks import read_chunks

SATURATED = 0.001


class Inspection:
    """Counts over `orders` orders, without the `rejected` rows. By feature: `z_low` and `z_high`; by input: orders
    `out_of_range`.

    `active` has for each hidden layer, by unit, the orders with an activation over 0. `low` and `high` count scores within
    SATURATED of 0 and of 1, `review` those at the threshold or over it.

    `contributions` and `absolute` have, by input, the sums of the contributions and of their absolute values over the
    `explained` orders, which are those without an overflow. `not_explained` is why the model has no explanations, else None.
    """

    def __init__(self, model: RiskModel) -> None:
        """Raises NotServable."""
        model.require_risk(reserved=reserved_names)
        self.model = model
        self.orders = self.rejected = self.low = self.high = self.review = 0
        features, *hidden, _ = model.network.sizes
        self.z_low, self.z_high = np.full(features, np.inf), np.full(features, -np.inf)
        self.out_of_range = np.zeros(len(model.manifest.inputs), np.intp)
        self.active = [np.zeros(units, np.intp) for units in hidden]
        self.explained = 0
        self.contributions, self.absolute = np.zeros((2, len(model.manifest.inputs)))
        self.not_explained: NotExplainable | None = None
        try:
            self._explainer = model.explainer
        except NotExplainable as error:
            self.not_explained = error

    def read(self, reader: Reader) -> None:
        """Count the orders in the rows of a file."""
        for chunk in read_chunks(self.model.manifest.inputs, reader):
            self.rejected += len(chunk.rejected) + len(chunk.read) - len(chunk.decoded.batch)
            self.add(chunk.decoded.batch.matrix)

    def add(self, x: Floats) -> None:
        """Count the orders x (n, I), in the order of the model's inputs."""
        with np.errstate(all="ignore"):
            zscores = self.model.standardizer(self.model.features(x))
            *hidden, last = self.model.network.forward(zscores)
            scores = self.model.head(last.activations)[:, 0]
            finite = [np.isfinite(step.pre_activations).all(axis=1) for step in (*hidden, last)]
        self.orders += len(x)
        self.z_low = np.minimum(self.z_low, zscores.min(axis=0, initial=np.inf))
        self.z_high = np.maximum(self.z_high, zscores.max(axis=0, initial=-np.inf))
        self.out_of_range += self.model.out_of_range(x).sum(axis=0)
        for active, step in zip(self.active, hidden, strict=True):
            active += (step.activations > 0.0).sum(axis=0)
        self.low += int((scores <= SATURATED).sum())
        self.high += int((scores >= 1.0 - SATURATED).sum())
        self.review += int((scores >= self.model.manifest.threshold).sum())
        if self.not_explained is None:
            self._add_contributions(zscores[np.logical_and.reduce(finite)])

    def _add_contributions(self, zscores: Floats) -> None:
        contributions = self._explainer.contributions(zscores)
        contributions = contributions[np.isfinite(contributions).all(axis=1)]
        self.explained += len(contributions)
        self.contributions = _added(self.contributions, contributions)
        self.absolute = _added(self.absolute, np.abs(contributions))


def _added(sums: Floats, rows: Floats) -> Floats:
    """The sums (I,) with each of the rows (n, I) added in turn, so that they are the same for chunks of any size."""
    with np.errstate(all="ignore"):
        added: Floats = np.add.accumulate(np.vstack((sums, rows)), axis=0)[-1]
    return added
