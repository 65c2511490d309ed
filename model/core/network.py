"""Network: dense layers, and the one forward pass of the house.

A layer computes x @ w.T + b. The sums are made in an order that this file fixes: the first product, then the product
of each further input in turn, each rounded before it is added, the bias last. No matrix product is used, because its
rounding depends on the size of the batch; so an order gets the same bits alone and in any batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.core.activations import ACTIVATIONS
from model.core.batch import Floats
from model.errors import NotFinite, ShapeMismatch, UnknownName

_FEW = 128  # up to so many sums, one call that adds in the same order costs less than two calls an input


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`weights` (U, inputs), `bias` (U,), float64, and the name of an activation."""

    weights: Floats
    bias: Floats
    activation: str


class Step(NamedTuple):
    """What one layer gives for n orders: both arrays are (n, U)."""

    pre_activations: Floats
    activations: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One layer or more, each taking what the one before gives. Errors name the arrays w1, b1, w2, …"""

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ShapeMismatch("w1", "a network has at least one layer")
        inputs: int | None = None
        for number, layer in enumerate(self.layers, 1):
            w, b = f"w{number}", f"b{number}"
            shape = layer.weights.shape
            if len(shape) != 2 or 0 in shape or inputs not in (None, shape[1]):
                raise ShapeMismatch(w, f"shape {shape}, expected (units, {inputs or 'inputs'})")
            if layer.bias.shape != (len(layer.weights),):
                raise ShapeMismatch(b, f"shape {layer.bias.shape}, expected ({len(layer.weights)},)")
            for place, array in ((w, layer.weights), (b, layer.bias)):
                if not np.isfinite(array).all():
                    raise NotFinite(place, "holds a number that is not finite")
            if layer.activation not in ACTIVATIONS:
                raise UnknownName(f"activation of layer {number}", f"expected one of {', '.join(ACTIVATIONS)}")
            inputs = len(layer.weights)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then the units of each layer."""
        return (self.layers[0].weights.shape[1], *(len(layer.weights) for layer in self.layers))

    @property
    def parameter_count(self) -> int:
        """Weights and biases together."""
        return sum(layer.weights.size + layer.bias.size for layer in self.layers)

    def forward(self, x: Floats) -> Iterator[Step]:
        """Yield each layer's Step for x (n, inputs), in order; the last one's activations are the logits.

        Numbers that overflow become infinities or NaN, as silently or as loudly as the caller's np.errstate has it.
        """
        inputs = np.ascontiguousarray(x.T)
        for layer in self.layers:
            sums = _ordered_sums(layer, inputs)
            inputs = ACTIVATIONS[layer.activation](sums)
            yield Step(sums.T, inputs.T)


def _ordered_sums(layer: Layer, inputs: Floats) -> Floats:
    """(units, orders) from inputs (inputs, orders)."""
    columns = layer.weights.T[:, :, np.newaxis]
    sums: Floats
    if len(layer.bias) * inputs.shape[1] <= _FEW:
        sums = np.add.accumulate(columns * inputs[:, np.newaxis], axis=0)[-1]
    else:
        sums = columns[0] * inputs[0]
        product = np.empty_like(sums)
        for column, values in zip(columns[1:], inputs[1:], strict=True):
            np.multiply(column, values, out=product)
            sums += product
    sums += layer.bias[:, np.newaxis]
    return sums
