"""Network: dense layers and their forward pass.

A layer computes x @ w.T + b. The order of its sums is fixed here: the first product, then the product of each further
input, each rounded before it is added, then the bias. No matrix product is used, because its rounding depends on the size
of the batch. So an order gets the same bits alone and in any batch.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from model.core.activations import ACTIVATION, ACTIVATION_NAMES, activation
from model.core.batch import Floats
from model.errors import NotFinite, ShapeMismatch, UnknownName

_TRANSPOSED = "; scikit-learn and Keras store (inputs, units), so transpose every weight, square ones too"
_FEW = 128  # up to this many sums, one call that adds in the same order is faster than two calls for each input


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`weights` (U, inputs), `bias` (U,), float64, and the name of an activation."""

    weights: Floats
    bias: Floats
    activation: str


class Step(NamedTuple):
    """The results of one layer for n orders, both (n, U)."""

    pre_activations: Floats
    activations: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One or more layers in order; `sizes` has the number of inputs, then the units of each layer.

    The locations of its errors are w1, b1, w2, …
    """

    layers: Sequence[Layer]
    sizes: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ShapeMismatch("w1", "expected at least one layer")
        inputs: int | None = None
        for number, layer in enumerate(self.layers, 1):
            w, b = f"w{number}", f"b{number}"
            shape = layer.weights.shape
            transposed = layer.bias.shape == shape[1:] != shape[:1]
            if len(shape) != 2 or 0 in shape or inputs not in (None, shape[1]) or transposed:
                hint = _TRANSPOSED if len(shape) == 2 else ""
                raise ShapeMismatch(w, f"shape {shape}, expected (units, {inputs or 'inputs'}){hint}")
            if layer.bias.shape != (len(layer.weights),):
                raise ShapeMismatch(b, f"shape {layer.bias.shape}, expected ({len(layer.weights)},)")
            for location, array in ((w, layer.weights), (b, layer.bias)):
                if not np.isfinite(array).all():
                    raise NotFinite(location, "contains a number that is not finite")
            if not re.fullmatch(ACTIVATION, layer.activation):
                raise UnknownName(f"activation of layer {number}", f"expected one of {ACTIVATION_NAMES}")
            inputs = len(layer.weights)
        units = (len(layer.weights) for layer in self.layers)
        object.__setattr__(self, "sizes", (self.layers[0].weights.shape[1], *units))

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases."""
        return sum(layer.weights.size + layer.bias.size for layer in self.layers)

    def forward(self, x: Floats) -> Iterator[Step]:
        """Yield the Step of each layer for x (n, inputs) in order; the activations of the last are the logits.

        Numbers that overflow become infinities or NaN; the caller's np.errstate applies.
        """
        inputs = np.ascontiguousarray(x.T)
        for layer in self.layers:
            sums = ordered_sums(layer.weights, inputs)
            sums += layer.bias[:, np.newaxis]
            inputs = activation(layer.activation)(sums)
            yield Step(sums.T, inputs.T)


def ordered_sums(weights: Floats, inputs: Floats) -> Floats:
    """(U, n): the sums of weights (U, inputs) times inputs (inputs, n), each made in the order of the inputs."""
    columns = weights.T[:, :, np.newaxis]
    sums: Floats
    if len(weights) * inputs.shape[1] <= _FEW:
        sums = np.add.accumulate(columns * inputs[:, np.newaxis], axis=0)[-1]
    else:
        sums = columns[0] * inputs[0]
        product = np.empty_like(sums)
        for column, values in zip(columns[1:], inputs[1:], strict=True):
            np.multiply(column, values, out=product)
            sums += product
    return sums
