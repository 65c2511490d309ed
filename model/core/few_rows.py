"""FewRows: a small network as functions of Python's float, which for few rows cost less than calls of NumPy.

Python's float is the same IEEE 754, and the operations are those of standardizer.py, network.py and activations.py in the
same order, so the bits are the same.
"""

from collections.abc import Callable
from functools import partial, reduce
from math import isfinite
from operator import add, gt, lt, mul, sub, truediv
from typing import TypeAlias

import numpy as np

from model.core.activations import sigmoid_of_one
from model.core.batch import Floats
from model.core.network import Layer, Network
from model.core.standardizer import Standardizer

Values: TypeAlias = list[float]

MOST = 550
"""Up to this product of rows and the cost of one, Python's float takes less time than NumPy."""

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

    def __call__(self, x: Floats) -> Floats | None:
        """(n, F + 2): z-scores, logit and score of each row of x (n, F), if all are regular and n is neither 0 nor too large.

        Otherwise None: NumPy computes rows that are out of range, or in which a sum may have overflowed.
        """
        if len(x) * self._cost > MOST:
            return None
        found = []
        for row in x.tolist():
            if any(map(lt, row, self._low)) or any(map(gt, row, self._high)):
                return None
            zscores = values = list(map(truediv, map(sub, row, self._mean), self._scale))
            for units, activation in self._layers:
                sums = [reduce(add, map(mul, weights, values)) + bias for weights, bias in units]
                if not isfinite(sum(sums)):
                    return None
                values = activation(sums)
            (logit,) = values
            found.append([*zscores, logit, sigmoid_of_one(logit)])
        return np.array(found) if found else None


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
