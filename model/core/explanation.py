"""Explainer: how much each input of an order adds to its logit, exactly.

The contribution of a feature is its z-score times the mean gradient of the logit on the straight line from the mean order, all
of whose z-scores are 0, to this order. These are integrated gradients (Sundararajan, Taly and Yan, 2017), not approximated.
Their sum is the logit less that of the mean order.
"""

import numpy as np

from model.core.batch import Floats
from model.core.manifest import Manifest
from model.core.network import Network
from model.core.piecewise_linear import PiecewiseLinear


class Explainer:
    """Explains the logits of a network with one output. Raises NotExplainable.

    `base` is the logit of the mean order, and `inputs` are the names of what adds to it. `units` counts the hidden units, each
    once more for every unit of the layers before its own, where the line may be cut. Numbers that overflow become infinities or
    NaN.
    """

    def __init__(self, manifest: Manifest, network: Network) -> None:
        with np.errstate(all="ignore"):
            self.lines = PiecewiseLinear(network)
            *_, last = network.forward(np.zeros((1, network.sizes[0])))
        self.base = float(last.activations[0, 0])
        hidden = network.sizes[1:-1]
        self.inputs, self.units = manifest.input_names, sum(size * (1 + sum(hidden[:at])) for at, size in enumerate(hidden))
        (_, first), *self._further = _sums(manifest)
        self._first = None if first == list(range(network.sizes[0])) else first

    def contributions(self, zscores: Floats) -> Floats:
        """(n, I): the contribution of each input, which is the sum of those of its features, for zscores (n, F)."""
        with np.errstate(all="ignore"):
            by_feature = zscores * self.lines.mean_gradients(zscores)
            by_input = by_feature if self._first is None else by_feature[:, self._first]
            for inputs, features in self._further:
                by_input[:, inputs] += by_feature[:, features]
        return by_input


def _sums(manifest: Manifest) -> list[tuple[list[int], list[int]]]:
    """Inputs and a feature of each, pair by pair of lists: the first feature of every input, then the second ones, …"""
    made_of = [each.of for each in manifest.features]
    features = [[at for at, of in enumerate(made_of) if of == name] for name in manifest.input_names]
    pairs = [
        [(at, of[number]) for at, of in enumerate(features) if number < len(of)] for number in range(max(map(len, features)))
    ]
    return [([at for at, _ in each], [feature for _, feature in each]) for each in pairs]
