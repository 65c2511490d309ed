"""A second forward pass to check the first: one order, plain Python floats and `math`, nothing of the project's.

A layer is (weights, bias, activation) with weights as rows of numbers, one row a unit. The sums run in the order that the
engine promises: the first product, then the product of each further input in turn, the bias last.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import NamedTuple, TypeAlias

Numbers: TypeAlias = Sequence[float]
PlainLayer: TypeAlias = tuple[Sequence[Numbers], Numbers, str]


class PlainStep(NamedTuple):
    """What one layer gives for one order."""

    pre_activations: list[float]
    activations: list[float]


def _sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else math.exp(z) / (1.0 + math.exp(z))


def _softmax(z: Numbers) -> list[float]:
    shares = [math.exp(one - max(z)) for one in z]
    return [share / math.fsum(shares) for share in shares]


def _each(function: Callable[[float], float]) -> Callable[[Numbers], list[float]]:
    return lambda z: [function(one) for one in z]


Functions: TypeAlias = dict[str, Callable[[Numbers], list[float]]]
FUNCTIONS: Functions = {
    "linear": list,
    "relu": _each(lambda z: 0.0 if z <= 0.0 else z),
    "leaky_relu": _each(lambda z: z if z > 0.0 else 0.01 * z),
    "tanh": _each(math.tanh),
    "sigmoid": _each(_sigmoid),
    "leaky_relu:0.2": _each(lambda z: z if z > 0.0 else 0.2 * z),
    "gelu_tanh": _each(lambda z: z * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3))) / 2.0),
    "gelu": _each(lambda z: z * (1.0 + math.erf(z / math.sqrt(2.0))) / 2.0),
    "softmax": _softmax,
    "identity": list,
}


def zscores(order: Numbers, mean: Numbers, scale: Numbers) -> list[float]:
    return [(x - m) / s for x, m, s in zip(order, mean, scale, strict=True)]


def forward(layers: Sequence[PlainLayer], order: Numbers, functions: Functions = FUNCTIONS) -> list[PlainStep]:
    """Every layer's step for one order that is standardized already."""
    steps: list[PlainStep] = []
    values = list(order)
    for weights, bias, activation in layers:
        sums = [reduce(add, map(mul, row, values)) + b for row, b in zip(weights, bias, strict=True)]
        values = functions[activation](sums)
        steps.append(PlainStep(sums, values))
    return steps


def outputs(layers: Sequence[PlainLayer], head: str, order: Numbers) -> list[float]:
    """What the head makes of the last layer's activations."""
    return FUNCTIONS[head](forward(layers, order)[-1].activations)


_LN2 = (float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33"))


def portable_exp(x: float) -> float:
    """The exponential as the engine specifies it, operation by operation: reduction, polynomial, scaling."""
    x = min(max(x, -746.0), 710.0)
    k = float(round(x * float.fromhex("0x1.71547652b82fep+0")))
    high, low = x - k * _LN2[0], k * _LN2[1]
    r = high - low
    lost = (high - r) - low
    p = r * (1.0 / math.factorial(13))
    for n in range(12, 1, -1):
        p = (p + 1.0 / math.factorial(n)) * r
    p = ((p * r + lost) + r) + 1.0
    half = math.floor(k / 2)
    return p * 2.0**half * 2.0 ** (int(k) - half)


def portable_sigmoid(z: float) -> float:
    """The sigmoid made of the portable exponential."""
    return portable_exp(z) if z < -40.0 else 1.0 / (1.0 + portable_exp(-z))


def _portable_softmax(z: Numbers) -> list[float]:
    shares = [portable_exp(one - max(z)) for one in z]
    return [share / reduce(add, shares) for share in shares]


PORTABLE: Functions = {
    **{name: FUNCTIONS[name] for name in ("linear", "relu", "leaky_relu")},
    "sigmoid": _each(portable_sigmoid),
    "softmax": _portable_softmax,
}
