"""Axis: orders that are scored with other values of one input, while all their other inputs are held."""

from typing import NamedTuple

import numpy as np

from model.core.batch import Flags, Floats, Positions
from model.core.manifest import NUMBER
from model.core.preparation import Preparation
from model.core.risk_model import Outputs, RiskModel
from model.core.standardizer import Standardizer

_BLOCK = 2**17  # units of the widest layer times orders, which are scored at once


class Sides(NamedTuple):
    """Whether n orders are on the `other` side of the threshold than with their own value, and their `logits`, both (n,).

    Where a sum overflows, the side is taken as the same and the logit is NaN.
    """

    other: Flags
    logits: Floats


class Axis:
    """The axis of the input at a position, for orders with these `values` (n,) of it and these outputs, which are `finite`."""

    def __init__(self, model: RiskModel, at: int, values: Floats, outputs: Outputs) -> None:
        self.of, self.values, self.finite = model.manifest.inputs[at], values, outputs.finite
        self.switches = model.explainer.lines.switches
        self._model, self._threshold = model, model.manifest.threshold
        self._review = outputs.outputs[:, 0] >= self._threshold
        made = [(number, each) for number, each in enumerate(model.manifest.features) if each.of == self.of.name]
        self._made, features = [number for number, _ in made], [each for _, each in made]
        self.jumps = sorted({float(value) for each in features for value in each.values if self.of.kind == NUMBER})
        self._plain = [each.function == "number" for each in features]
        self._prepare = Preparation((self.of,), features)
        mean, scale = model.standardizer.mean[self._made], model.standardizer.scale[self._made]
        self._standardize = Standardizer(mean, scale, [each.name for each in features])
        self._by_feature = np.ascontiguousarray(outputs.zscores.T)

    def scored(self, orders: Positions, values: Floats) -> Sides:
        """The sides of the orders at these positions with these values."""
        other, logits = np.empty(len(orders), np.bool_), np.empty(len(orders))
        size = max(1, _BLOCK // max(self._model.network.sizes))
        for begin in range(0, len(orders), size):
            block = slice(begin, begin + size)
            zscores = self._zscores(orders[block], self._prepare(values[block, np.newaxis]))
            _, found, outputs, finite = self._model.outputs_of(zscores.T)
            finite &= self.finite[orders[block]]
            other[block] = finite & ((outputs[:, 0] >= self._threshold) != self._review[orders[block]])
            logits[block] = np.where(finite, found[:, 0], np.nan)
        return Sides(other, logits)

    def side(self, orders: Positions, logits: Floats) -> Flags:
        """Whether each of these logits puts the order on the other side."""
        other: Flags = (self._model.head(logits[:, np.newaxis])[:, 0] >= self._threshold) != self._review[orders]
        return other

    def without_jumps(self, orders: Positions, values: Floats) -> Floats:
        """(n, F): the z-scores of these orders with these values, as if no feature `is` any of them."""
        return self._zscores(orders, np.where(self._plain, self._prepare(values[:, np.newaxis]), 0.0)).T

    def _zscores(self, orders: Positions, features: Floats) -> Floats:
        """(F, n): the z-scores of these orders with these features (n, …) of the input."""
        zscores = self._by_feature[:, orders]
        zscores[self._made] = self._standardize(features).T
        return zscores
