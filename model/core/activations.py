"""What a layer does to its sums, by name. Axis 0 is the layer's units, axis 1 the orders.

Each function takes a contiguous float64 array (units, orders), leaves it as it is and returns one of that shape. Orders
never mix, so a column comes out with the same bits whatever stands beside it; NaN stays NaN, relu's zero is +0.0.
"""

import math
from collections.abc import Callable

import numpy as np

from model.core.batch import Floats
from model.core.exponential import FEW, each, exp, exp_of_one

LEAK = 0.01
_FAR = -40.0


def linear(z: Floats) -> Floats:
    return z


def relu(z: Floats) -> Floats:
    return np.maximum(z, 0.0) + 0.0


def leaky_relu(z: Floats) -> Floats:
    return np.where(z > 0.0, z, LEAK * z)


def tanh(z: Floats) -> Floats:
    return np.tanh(z)


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), and exp(z) itself where that is the same: nothing overflows, and it never falls."""
    if z.size <= FEW:
        return each(_sigmoid_of_one, z)
    far = z < _FAR
    e = exp(np.where(far, z, -z))
    return np.where(far, e, 1.0 / (1.0 + e))


def _sigmoid_of_one(z: float) -> float:
    return exp_of_one(z) if z < _FAR else 1.0 / (1.0 + exp_of_one(-z))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def gelu(z: Floats) -> Floats:
    """z * Phi(z), exact by the error function: erfc keeps the small left tail (Hendrycks and Gimpel, 2016)."""
    tail: Floats = _erfc(z * -math.sqrt(0.5))
    return 0.5 * z * tail


def softmax(z: Floats) -> Floats:
    """exp(z) over its sum along the units, shifted by the largest; the sum runs unit by unit."""
    e = exp(z - z.max(axis=0))
    total: Floats = e[0].copy()
    for unit in e[1:]:
        total += unit
    shares: Floats = e / total
    return shares


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "softmax": softmax,
}

PORTABLE = ACTIVATIONS.keys() - {"tanh", "gelu"}
"""Those that give the same bits on every machine. The others, made of a library's tanh and erfc, give the same bits in
every batch on one machine, and may differ in the last place on another."""

HEADS: dict[str, Callable[[Floats], Floats]] = {"sigmoid": sigmoid, "softmax": softmax, "identity": linear}
"""What makes outputs (outputs, orders) of a network's logits, by name."""
