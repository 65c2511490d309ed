"""The activations of layers and the heads of networks, by name.

Each function takes a contiguous float64 array (units, orders), does not change it, and returns an array of that shape.
Orders never mix, so a column gets the same bits in any batch. NaN stays NaN; the zero of relu is +0.0.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np

from model.core.batch import Floats
from model.core.exponential import FEW, each, exp, exp_of_one

Function: TypeAlias = Callable[[Floats], Floats]

_FAR = -40.0
_ZERO, _ONE, _FAR_ARRAY = map(np.array, (0.0, 1.0, _FAR))  # exponential.py says why arrays


def linear(z: Floats) -> Floats:
    return z


def relu(z: Floats) -> Floats:
    positive: Floats = np.maximum(z, _ZERO)
    positive += _ZERO
    return positive


def leaky_relu(z: Floats, slope: float = 0.01) -> Floats:
    return np.where(z > 0.0, z, slope * z)


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)); exp(z) where that is equal. It never overflows and is monotonic."""
    if z.size <= FEW:
        return each(sigmoid_of_one, z)
    far, falling = z < _FAR_ARRAY, -z
    np.copyto(falling, z, where=far)
    e = exp(falling)
    shares = _ONE + e
    np.divide(_ONE, shares, out=shares)
    np.copyto(shares, e, where=far)
    return shares


def sigmoid_of_one(z: float) -> float:
    """The same for one number, by Python's float."""
    return exp_of_one(z) if z < _FAR else 1.0 / (1.0 + exp_of_one(-z))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def gelu(z: Floats) -> Floats:
    """z * Phi(z), exact by the error function: erfc keeps the small left tail (Hendrycks and Gimpel, 2016)."""
    tail: Floats = _erfc(z * -math.sqrt(0.5))
    return 0.5 * z * tail


def gelu_tanh(z: Floats) -> Floats:
    """The approximation of gelu by tanh, 0.5 z (1 + tanh u), written as z sigmoid(2 u), which keeps the left tail."""
    return z * sigmoid(math.sqrt(8.0 / math.pi) * (z + 0.044715 * (z * z * z)))


def softmax(z: Floats) -> Floats:
    """exp(z) over its sum along the units, shifted by the largest z. The sum is made unit by unit."""
    e = exp(z - z.max(axis=0))
    total: Floats = e[0].copy()
    for unit in e[1:]:
        total += unit
    shares: Floats = e / total
    return shares


ACTIVATIONS: dict[str, Function] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "softmax": softmax,
}

ACTIVATION = "|".join((*ACTIVATIONS, r"leaky_relu:(?:0(?:\.[0-9]{1,20})?|1(?:\.0{1,20})?)"))
"""The pattern of the names of activations. `leaky_relu:0.2` has the slope 0.2 below zero, `leaky_relu` alone 0.01."""

ACTIVATION_NAMES = f"{', '.join(ACTIVATIONS)}, leaky_relu:SLOPE (from 0 to 1; leaky_relu has 0.01, gelu is the exact one)"

NOT_PORTABLE = frozenset({"tanh", "gelu"})
"""Activations that use the tanh and erfc of a library: they give the same bits in every batch on one machine, and may differ in
the last bit on another. All others give the same bits on every machine."""

HEADS: dict[str, Function] = {"sigmoid": sigmoid, "softmax": softmax, "identity": linear}
"""Functions from the logits of a network to its outputs, both (outputs, orders)."""


@lru_cache
def activation(name: str) -> Function:
    """The activation of this name, which must match ACTIVATION."""
    kind, _, slope = name.partition(":")
    return partial(leaky_relu, slope=float(slope)) if slope else ACTIVATIONS[kind]
