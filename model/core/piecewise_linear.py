"""PiecewiseLinear: a network of relu, leaky_relu and linear layers with one output, along straight lines of z-scores.

On a line such a network is piecewise linear: its gradient is constant between two points where a unit switches. A line is cut
at these points layer by layer, as in ExactLine (Sotoudeh and Thakur, 2019), so the mean gradient over a line is exact. Pieces
of the last layer are not made: the share of a piece on which each unit is active is enough.

A unit is active where its sum is over 0. Lines never mix and each sum has a fixed order, so a line gets the same bits in any
batch.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from model.core.batch import Flags, Floats, Positions
from model.core.network import Network, ordered_sums
from model.errors import NotExplainable

_SLOPES = {"relu": 0.0, "leaky_relu": 0.01, "linear": 1.0}
_BLOCK = 2**14  # units of the widest layer times lines, whose pieces are in memory at once

_ZERO, _HALF = map(np.array, (0.0, 0.5))  # exponential.py says why arrays


class _Layer(NamedTuple):
    """`weights` (U, inputs), `bias` (U, 1), and the `slope` of an inactive unit; that of an active one is 1."""

    weights: Floats
    bias: Floats
    slope: float

    def sums(self, inputs: Floats) -> Floats:
        """(U, n) of inputs (inputs, n)."""
        return ordered_sums(self.weights, inputs) + self.bias

    def activations(self, sums: Floats) -> Floats:
        """(U, n) of sums (U, n)."""
        return np.where(sums > 0.0, sums, self.slope * sums)

    def rates(self, shares: Floats) -> Floats:
        """(U, n): the mean slope of each unit, which is active on these shares (U, n)."""
        return shares if self.slope == 0.0 else self.slope + (1.0 - self.slope) * shares


class _Segments(NamedTuple):
    """S segments of n lines, in order: the sums of a layer at their ends, `low` and `high` (U, S).

    `lines` has the line of each. A segment begins at one of `begins` (S,) of its line and has one of the `lengths` (S,) of it.
    """

    low: Floats
    high: Floats
    lines: Positions
    begins: Floats
    lengths: Floats


class _Cut(NamedTuple):
    """The P pieces of S segments in which no unit of a layer switches, in order.

    `parents` (P,) has the segment of each, `first` (S,) the first piece of each segment. `begins` and `ends` (P,) are shares of
    the segment. `active` (U, P) says which units are active.
    """

    parents: Positions
    first: Positions
    begins: Floats
    ends: Floats
    active: Flags


class PiecewiseLinear:
    """A network with one output. Raises NotExplainable where a layer has another activation."""

    def __init__(self, network: Network) -> None:
        self._layers: list[_Layer] = []
        weights, bias = np.eye(network.sizes[0]), np.zeros((network.sizes[0], 1))
        for number, layer in enumerate(network.layers, 1):
            kind, _, slope = layer.activation.partition(":")
            if kind not in _SLOPES:
                reason = f"its activation is {kind}; explanations need {', '.join(_SLOPES)}"
                raise NotExplainable(f"layer {number}", reason)
            # The weights of a linear layer become part of those of the next layer.
            weights, bias = ordered_sums(layer.weights, weights), ordered_sums(layer.weights, bias) + layer.bias[:, np.newaxis]
            if kind != "linear":
                self._layers.append(_Layer(weights, bias, float(slope) if slope else _SLOPES[kind]))
                weights, bias = np.eye(len(bias)), np.zeros_like(bias)
        self._output, self._bias = weights.T, bias
        self._halves_of_bias = _halves(self._layers[0].bias if self._layers else bias)
        self._block = max(1, _BLOCK // max(network.sizes))

    def mean_gradients(self, zscores: Floats) -> Floats:
        """(n, F): the mean gradient of the output on the line from 0 to each row of zscores (n, F)."""
        if len(zscores) <= self._block:
            return self._mean_gradients(np.ascontiguousarray(zscores.T)).T
        blocks = (zscores[begin : begin + self._block] for begin in range(0, len(zscores), self._block))
        return np.concatenate(list(map(self.mean_gradients, blocks)))

    def _mean_gradients(self, zscores: Floats) -> Floats:
        if not self._layers:
            return np.broadcast_to(self._output, zscores.shape)
        first, last = self._layers[0], self._layers[-1]
        sums = first.sums(zscores)
        if first is last:  # as below, where each line is one segment
            return ordered_sums(first.weights.T, self._output * last.rates(_active_shares(self._halves_of_bias, _halves(sums))))
        cuts, segments = self._cut_lines(first.bias, sums)
        shares = _active_shares(_halves(segments.low), _halves(segments.high))
        gradients = self._output * last.rates(shares) * segments.lengths
        for (layer, following), cut in reversed(list(zip(pairwise(self._layers), cuts, strict=True))):
            gradients = ordered_sums(following.weights.T, gradients) * np.where(cut.active, 1.0, layer.slope)
            gradients = np.add.reduceat(gradients, cut.first, axis=1)
        return ordered_sums(first.weights.T, gradients)

    def switches(self, begins: Floats, ends: Floats) -> tuple[Positions, Floats, Floats]:
        """Where units switch on the lines from each row of begins (n, F) to that of ends (n, F).

        The line of each point, its place from 0 to 1, in order, and the output there, which is rounded otherwise than that of
        the network. Each line has the point 0 too.
        """
        if not self._layers:
            outputs = ordered_sums(self._output.T, begins.T) + self._bias
            return np.arange(len(begins)), np.zeros(len(begins)), outputs[0]
        first, last = self._layers[0], self._layers[-1]
        _, segments = self._cut_lines(first.sums(begins.T), first.sums(ends.T))
        cut = _cut(segments.low, segments.high)
        lines, places = segments.lines[cut.parents], segments.begins[cut.parents] + segments.lengths[cut.parents] * cut.begins
        sums = segments.low[:, cut.parents]
        sums += cut.begins * (segments.high[:, cut.parents] - sums)
        outputs = ordered_sums(self._output.T, last.activations(sums)) + self._bias
        order = np.lexsort((places, lines))  # rounding may put the last point of a segment after the first of the next one
        return lines, places[order], outputs[0, order]

    def _cut_lines(self, low: Floats, high: Floats) -> tuple[list[_Cut], _Segments]:
        """The cuts of all layers but the last, and the segments of the last, for the sums of the first at the ends of lines."""
        lines = last = np.arange(high.shape[1])
        begins, lengths, final, cuts = np.zeros(len(lines)), np.ones(len(lines)), high, list[_Cut]()
        for layer, following in pairwise(self._layers):
            low = np.broadcast_to(low, high.shape)
            cut = _cut(low, high)
            cuts.append(cut)
            low, high = low[:, cut.parents], high[:, cut.parents]
            low = following.sums(layer.activations(low + cut.begins * (high - low)))
            final = following.sums(layer.activations(final))
            last = np.append(cut.first[1:], len(cut.parents))[last] - 1
            high = np.empty_like(low)
            high[:, :-1] = low[:, 1:]
            high[:, last] = final
            lines, begins = lines[cut.parents], begins[cut.parents] + lengths[cut.parents] * cut.begins
            lengths = lengths[cut.parents] * (cut.ends - cut.begins)
        return cuts, _Segments(low, high, lines, begins, lengths)


class _Halves(NamedTuple):
    """Half of the size of each of some sums, and of the part of it over 0: two sizes may overflow together."""

    sizes: Floats
    active: Floats


def _halves(sums: Floats) -> _Halves:
    half = _HALF * sums
    return _Halves(np.abs(half), np.maximum(half, _ZERO))


def _active_shares(low: _Halves, high: _Halves) -> Floats:
    """(U, S): the share on which the unit is active, of segments with these sums at their ends."""
    sizes, active = low.sizes + high.sizes, low.active + high.active
    np.divide(active, sizes, out=active, where=sizes > _ZERO)
    return active


def _cut(low: Floats, high: Floats) -> _Cut:
    """The pieces of segments with these sums at their ends (U, S)."""
    before, after = low > 0.0, high > 0.0
    segments, units = np.nonzero((before != after).T)
    begin, end = 0.5 * low[units, segments], 0.5 * high[units, segments]  # their difference may overflow
    places = begin / (begin - end)
    order = np.lexsort((places, segments))
    counts = np.bincount(segments, minlength=low.shape[1]) + 1
    ends = np.cumsum(counts)
    first = ends - counts
    inner, outer = np.ones((2, ends[-1] if len(ends) else 0), np.bool_)
    inner[first] = outer[ends - 1] = False
    cut_begins, cut_ends = np.zeros(len(inner)), np.ones(len(outer))
    cut_begins[inner] = cut_ends[outer] = places[order]
    parents = np.repeat(np.arange(len(counts)), counts)
    switch = np.ones_like(low)
    switch[units, segments] = places
    active = np.where(cut_begins + cut_ends < 2.0 * switch[:, parents], before[:, parents], after[:, parents])
    return _Cut(parents, first, cut_begins, cut_ends, active)
