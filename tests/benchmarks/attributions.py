"""Attributions of a relu network in plain NumPy: along the segments of a line, and the gradient at its end.

A network is a list of (weights (U, inputs), bias (U,)), relu but for the last, which has one output. Nothing of the project's
is used here, because the explainers of tests.benchmarks.explanations are compared with it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Layers: TypeAlias = Sequence[tuple[Floats, Floats]]


def logits(layers: Layers, x: Floats) -> Floats:
    """The outputs (n,) for x (n, F)."""
    return _sums(layers, x)[-1][:, 0]


def gradients(layers: Layers, x: Floats) -> Floats:
    """The gradient of the output at x, which is (F,) or (n, F)."""
    *hidden, (last, _) = layers
    found = last[0]
    for (weights, _), sums in zip(reversed(hidden), reversed(_sums(hidden, x)), strict=True):
        found = found * (sums > 0.0) @ weights
    return found


def gradient_times_input(layers: Layers, x: Floats) -> Floats:
    """(n, F): a known wrong attribution, with the gradient of the order alone."""
    return x * gradients(layers, x)


def along_segments(layers: Layers, x: Floats) -> Floats:
    """(n, F): integrated gradients from 0, exactly, by a plain loop over orders and over the segments of their lines."""
    return np.array([each * _mean_gradient(layers, each) for each in x])


def _mean_gradient(layers: Layers, x: Floats) -> Floats:
    cuts = [0.0, 1.0]
    for depth in range(1, len(layers)):
        finer = [0.0]
        for (begin, low), (end, high) in pairwise([(cut, _sums(layers[:depth], cut * x)[-1]) for cut in cuts]):
            switch = (low > 0.0) != (high > 0.0)
            shares = low[switch] / (low[switch] - high[switch])
            finer += [*np.sort(begin + (end - begin) * shares).tolist(), end]
        cuts = finer
    found = np.zeros_like(x)
    for begin, end in pairwise(cuts):
        found += (end - begin) * gradients(layers, (begin + end) / 2.0 * x)
    return found


def _sums(layers: Layers, x: Floats) -> list[Floats]:
    """The sums of each layer."""
    found: list[Floats] = []
    for weights, bias in layers:
        found.append((np.maximum(found[-1], 0.0) if found else x) @ weights.T + bias)
    return found
