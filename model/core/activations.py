"""The activations of layers and the heads of networks, by name.

Each function takes a contiguous float64 array (units, orders), does not change it, and returns an array of that shape.
Orders never mix, so a column gets the same bits in any batch. NaN stays NaN; the zero of relu is +0.0.
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


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)); exp(z) where that is equal. It never overflows and is monotonic."""
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
    """exp(z) over its sum along the units, shifted by the largest z. The sum is made unit by unit."""
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
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "softmax": softmax,
}

PORTABLE = ACTIVATIONS.keys() - {"tanh", "gelu"}
"""Activations with the same bits on every machine. The others use the tanh and erfc of a library: they give the same bits in
every batch on one machine, and may differ in the last bit on another."""

HEADS: dict[str, Callable[[Floats], Floats]] = {"sigmoid": sigmoid, "softmax": softmax, "identity": linear}
"""Functions from the logits of a network to its outputs, both (outputs, orders)."""
