"""FewRows: a small network as functions of Python's float, which for few rows cost less than calls of NumPy.

Python's float is the same IEEE 754, and the operations are those of standardizer.py, network.py and activations.py in the
same order, so the bits are the same.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial, reduce
from itertools import repeat
from math import isfinite
from operator import add, gt, lt, mul, sub, truediv
from typing import TypeAlias

import numpy as np

from model.core.activations import sigmoid_of_one
from model.core.batch import Flags, Floats
from model.core.network import Layer, Network
from model.core.standardizer import Standardizer

Values: TypeAlias = list[float]

MOST = 2200
"""Up to this product of rows and the cost of one, Python's float takes less time than NumPy."""

ROW_BY_ROW = 2
"""Up to so many rows, one after the other takes less time than all of them by column."""

_ROW, _INPUT = 40, 4  # what a row and each of its inputs cost beside the products, in products


def _relu(sums: Values) -> Values:
    return [z if z > 0.0 else 0.0 for z in sums]


def _leaky_relu(sums: Values, slope: float = 0.01) -> Values:
    return [z if z > 0.0 else slope * z for z in sums]


def _sigmoid(sums: Values) -> Values:
    return list(map(sigmoid_of_one, sums))


_ACTIVATIONS: dict[str, Callable[..., Values]] = {"linear": list, "relu": _relu, "leaky_relu": _leaky_relu, "sigmoid": _sigmoid}


class FewRows:
    """A standardizer, a network with one output under a sigmoid head, and the least and greatest value of each feature."""

    def __init__(self, standardizer: Standardizer, network: Network, bounds: tuple[Floats, Floats]) -> None:
        self._low, self._high = (bound.tolist() for bound in bounds)
        self._cost = _cost(network)
        self._mean, self._scale = standardizer.mean.tolist(), standardizer.scale.tolist()
        self._layers = [(_units(layer), _activation(layer.activation)) for layer in network.layers]

    def takes(self, rows: int) -> bool:
        """Whether so many rows take less time here than in NumPy. No rows are left to NumPy."""
        return 0 < rows * self._cost <= MOST

    def __call__(self, columns: Sequence[Values], threshold: float) -> "FewScores | None":
        """The scores of the n orders in these columns (F, n), if all are regular.

        Otherwise None: NumPy computes orders that are out of range, or in which a sum may have overflowed.
        """
        if any(map(lt, map(min, columns), self._low)) or any(map(gt, map(max, columns), self._high)):
            return None
        scored = self._by_row(columns) if len(columns[0]) <= ROW_BY_ROW else self._by_column(columns)
        return None if scored is None else FewScores(*scored, threshold)

    def _by_row(self, columns: Sequence[Values]) -> tuple[list[Values], Values] | None:
        """The z-scores (F, n) and the logits (n,), or None."""
        zscores, logits = [], []
        for row in zip(*columns, strict=True):
            inputs = _standardized(row, self._mean, self._scale)
            zscores.append(inputs)
            for units, activation in self._layers:
                sums = [reduce(add, map(mul, inputs, weights)) + bias for weights, bias in units]
                if not isfinite(sum(sums)):
                    return None
                inputs = activation(sums)
            logits += inputs
        return list(map(list, zip(*zscores, strict=True))), logits

    def _by_column(self, columns: Sequence[Values]) -> tuple[list[Values], Values] | None:
        """The same, by the same operations for all rows at once."""
        zscores = inputs = list(map(_standardized, columns, map(repeat, self._mean), map(repeat, self._scale)))
        for units, activation in self._layers:
            sums = [_sums(inputs, weights, bias) for weights, bias in units]
            if not isfinite(sum(map(sum, sums))):
                return None
            inputs = list(map(activation, sums))
        (logits,) = inputs
        return zscores, logits


class FewScores:
    """The Scores of few orders, all regular, as Python's float: `values` are the scores, `flags` whether each goes to review,
    `reviews` how many do.

    `by_feature` has the z-scores of each feature. What Scores has as arrays is made where it is asked for.
    """

    regular = True

    def __init__(self, by_feature: list[Values], logits: Values, threshold: float) -> None:
        self.by_feature = by_feature
        self.logit_values = logits
        self.values = list(map(sigmoid_of_one, logits))
        self.flags = [score >= threshold for score in self.values]
        self.reviews = sum(self.flags)

    def with_review(self, review: Flags) -> "FewScores":
        """The same with other review flags (n,)."""
        changed = copy(self)
        changed.flags = review.tolist()
        changed.reviews = sum(changed.flags)
        return changed

    @property
    def logits(self) -> Floats:
        return np.array(self.logit_values)

    @property
    def scores(self) -> Floats:
        return np.array(self.values)

    @property
    def review(self) -> Flags:
        return np.array(self.flags)

    @property
    def zscores(self) -> Floats:
        return np.array(self.by_feature).T

    @property
    def out_of_range(self) -> Flags:
        return np.zeros(self.zscores.shape, np.bool_)

    @property
    def finite(self) -> Flags:
        return np.ones(len(self.values), np.bool_)


def few_rows(standardizer: Standardizer, network: Network, head: str, bounds: tuple[Floats, Floats]) -> FewRows | None:
    """The scorer for few rows of this model; None if it is too large or has an activation, head or outputs of another kind."""
    known = all(layer.activation.partition(":")[0] in _ACTIVATIONS for layer in network.layers)
    if not known or head != "sigmoid" or network.sizes[-1] != 1 or _cost(network) > MOST:
        return None
    return FewRows(standardizer, network, bounds)


def _cost(network: Network) -> int:
    return network.parameter_count + network.sizes[0] * _INPUT + _ROW


def _units(layer: Layer) -> list[tuple[Values, float]]:
    return list(zip(layer.weights.tolist(), layer.bias.tolist(), strict=True))


def _activation(name: str) -> Callable[[Values], Values]:
    kind, _, slope = name.partition(":")
    return partial(_ACTIVATIONS[kind], slope=float(slope)) if slope else _ACTIVATIONS[kind]


def _standardized(values: Iterable[float], mean: Iterable[float], scale: Iterable[float]) -> Values:
    return list(map(truediv, map(sub, values, mean), scale))


def _sums(inputs: list[Values], weights: Values, bias: float) -> Values:
    """The sums of one unit for all rows: the first product, then each further one added, then the bias."""
    first, *further = map(map, repeat(mul), inputs, map(repeat, weights))
    for products in further:
        first = map(add, first, products)
    return list(map(add, first, repeat(bias)))
