"""A second forward pass to check the first: one order, plain Python floats and `math`, nothing of the project's.

A layer is (weights, bias, activation) with weights as rows of numbers, one row a unit. The sums run in the order that the
engine promises: the first product, then the product of each further input in turn, the bias last.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
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


def _pairwise_sum(terms: Numbers) -> float:
    """The sum in the order of NumPy: eight sums in turn, and halves where there are more than 128 terms."""
    if len(terms) > 128:
        half = len(terms) // 16 * 8
        return _pairwise_sum(terms[:half]) + _pairwise_sum(terms[half:])
    end = len(terms) // 8 * 8
    sums = [reduce(add, terms[first:end:8]) for first in range(8 if end else 0)]
    while len(sums) > 1:
        sums = list(map(add, sums[::2], sums[1::2]))
    return reduce(add, [*sums, *terms[end:]])


def portable_contributions(layers: Sequence[PlainLayer], order: Numbers) -> list[float]:
    """Each z-score times the mean gradient of the output on the line from 0, operation by operation as the engine does it.

    The last layer is linear, and the others are not.
    """
    *hidden, ((output,), _, _) = layers
    slopes = [{"relu": 0.0, "leaky_relu": 0.01}[activation] for *_, activation in hidden]

    def sums(number: int, values: Numbers) -> list[float]:
        weights, bias, _ = hidden[number]
        return [reduce(add, map(mul, row, values)) + b for row, b in zip(weights, bias, strict=True)]

    def gradient(number: int, low: Numbers, high: Numbers, length: float) -> list[float]:
        """By the sums of a layer, on a segment of this length with these sums at its ends."""
        slope, ends = slopes[number], list(zip(low, high, strict=True))
        if number == len(hidden) - 1:
            shares = [(max(a, 0.0) + max(b, 0.0)) / ((abs(a) + abs(b)) or 1.0) for a, b in ends]
            return [w * (slope + (1.0 - slope) * share) * length for w, share in zip(output, shares, strict=True)]
        switches = [a / (a - b) if (a > 0.0) != (b > 0.0) else 1.0 for a, b in ends]
        places = sorted(place for place, (a, b) in zip(switches, ends, strict=True) if (a > 0.0) != (b > 0.0))
        points = [[a + place * (b - a) for a, b in ends] for place in (0.0, *places)] + [high]
        following = [sums(number + 1, [s if s > 0.0 else slope * s for s in point]) for point in points]
        pieces = []
        for (begin, end), (first, last) in zip(pairwise((0.0, *places, 1.0)), pairwise(following), strict=True):
            found = gradient(number + 1, first, last, length * (end - begin))
            active = [(a if begin + end < 2.0 * s else b) > 0.0 for s, (a, b) in zip(switches, ends, strict=True)]
            columns = zip(zip(*hidden[number + 1][0], strict=True), active, strict=True)
            pieces.append([reduce(add, map(mul, column, found)) * (1.0 if on else slope) for column, on in columns])
        return [terms[0] + _pairwise_sum(terms[1:]) if terms[1:] else terms[0] for terms in zip(*pieces, strict=True)]

    weights, bias, _ = hidden[0]
    by_sum = gradient(0, bias, sums(0, order), 1.0)
    return [z * reduce(add, map(mul, column, by_sum)) for z, column in zip(order, zip(*weights, strict=True), strict=True)]
