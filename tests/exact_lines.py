"""What a piecewise linear network of one output does along a line, in fractions: nothing is rounded.

It goes from one point where a unit switches to the next. A unit is active where its sum is over 0, and the gradient of a
segment is that of its midpoint.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from operator import mul
from typing import NamedTuple, TypeAlias

from tests.oracle import Numbers, PlainLayer

Fractions: TypeAlias = Sequence[Fraction]


class Line(NamedTuple):
    """`outputs` at both ends, the mean `gradient`, and the `switches`: 0 and each place under 1 where a unit switches.

    A line is `tied` if terms that are not all 0 add up to 0 along a segment in a layer after the first. In floats, rounding
    decides which side such a unit is on, and its gradient may be that of the other side.
    """

    outputs: tuple[Fraction, Fraction]
    gradient: list[Fraction]
    switches: list[Fraction]
    tied: bool


class _Layer(NamedTuple):
    weights: Sequence[Fractions]
    bias: Fractions
    slope: Fraction

    def sums(self, point: Fractions) -> list[Fraction]:
        return [_dot(row, point) + b for row, b in zip(self.weights, self.bias, strict=True)]

    def activations(self, sums: Fractions) -> list[Fraction]:
        return [s if s > 0 else self.slope * s for s in sums]


def _dot(a: Fractions, b: Fractions) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def _slope(activation: str) -> Fraction:
    kind, _, slope = activation.partition(":")
    return Fraction(float(slope)) if slope else Fraction({"relu": 0.0, "leaky_relu": 0.01, "linear": 1.0}[kind])


def _sums(layers: Sequence[_Layer], point: Fractions) -> list[list[Fraction]]:
    """The sums of each layer at a point, then the outputs."""
    found = []
    for layer in layers:
        found.append(layer.sums(point))
        point = layer.activations(found[-1])
    return [*found, list(point)]


def _tied(layers: Sequence[_Layer], sums: Sequence[Fractions]) -> bool:
    """Whether a sum after the first layer is 0 although its terms are not."""
    for (before, layer), (inputs, at) in zip(pairwise(layers), pairwise(sums), strict=False):
        point = before.activations(inputs)
        for row, b, s in zip(layer.weights, layer.bias, at, strict=True):
            if s == 0 and any((b, *map(mul, row, point))):
                return True
    return False


def _rates(layers: Sequence[_Layer], sums: Sequence[Fractions], direction: Fractions) -> list[list[Fraction]]:
    """How fast the sums of each layer change as the point leaves in this direction."""
    found = []
    for (weights, _, slope), at in zip(layers, sums, strict=False):
        found.append([_dot(row, direction) for row in weights])
        direction = [r if s > 0 or (s == 0 and r > 0) else slope * r for s, r in zip(at, found[-1], strict=True)]
    return found


def _gradient(layers: Sequence[_Layer], sums: Sequence[Fractions]) -> list[Fraction]:
    """The derivative of the output by each number of the point with these sums."""
    found = [Fraction(1)]
    for (weights, _, slope), at in reversed(list(zip(layers, sums, strict=False))):
        by_sum = [g if s > 0 else slope * g for s, g in zip(at, found, strict=True)]
        found = [_dot(by_sum, column) for column in zip(*weights, strict=True)]
    return found


def exact_line(layers: Sequence[PlainLayer], begin: Numbers, end: Numbers) -> Line:
    """The line from one point to another."""
    exact = [_Layer([[*map(Fraction, row)] for row in w], [*map(Fraction, b)], _slope(name)) for w, b, name in layers]
    start = [*map(Fraction, begin)]
    direction = [Fraction(e) - s for s, e in zip(start, end, strict=True)]

    def at(place: Fraction) -> list[list[Fraction]]:
        return _sums(exact, [s + place * d for s, d in zip(start, direction, strict=True)])

    def active(sums: Sequence[Fractions]) -> list[bool]:
        return [s > 0 for layer, found in zip(exact, sums, strict=False) if layer.slope != 1 for s in found]

    place, before, gradient, switches, tied = Fraction(0), None, [Fraction(0)] * len(start), [], False
    while place < 1:
        here = at(place)
        moving = [pair for pairs in map(zip, here, _rates(exact, here, direction)) for pair in pairs]
        length = min([1 - place, *(-s / r for s, r in moving if s * r < 0)])
        middle = at(place + length / 2)
        if before is None or not before == active(here) == active(middle):
            switches.append(place)
        gradient = [g + length * one for g, one in zip(gradient, _gradient(exact, middle), strict=True)]
        place, before, tied = place + length, active(middle), tied or _tied(exact, middle)
    return Line((at(Fraction(0))[-1][0], at(place)[-1][0]), gradient, switches, tied)
