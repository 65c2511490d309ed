"""Compares an imported model with the scores that its training script expects.

A model made of the wrong arrays is a valid model: square weights may be transposed, the scale may hold variances, and another
activation fits any shape. Only the script's own scores show it. If they are not met, the usual mistakes are tried.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from model.core.activations import ACTIVATIONS
from model.core.batch import Floats
from model.core.encoding import decoded
from model.core.manifest import CHECKED_DIFFERENCE, CHECKED_ORDERS, Input, Manifest, SelfTest
from model.core.network import Layer, Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from model.errors import NotFinite, OtherScores, ShapeMismatch

TOLERANCE = 1e-6
_FLOAT32 = 1e-5
_CHUNK = 10_000
_SELF_TEST = 5  # the fewest orders; so many are within the limits, however wide the network is
_FIRST = 16  # orders with the largest differences, on which a reading is tried before all others
_USUAL_ACTIVATIONS = (*(name for name in ACTIVATIONS if name != "softmax"), *(f"leaky_relu:0.{tenths}" for tenths in "123"))


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedScores:
    """The `scores` (n,) or (n, outputs) that `orders` (n, I) must get. `name` is that of the order in a row, for errors."""

    location: str
    orders: Floats
    scores: Floats
    name: Callable[[int], str]


@dataclass(frozen=True, slots=True, eq=False)
class _Agreement:
    """The `outputs` (n, outputs) that a model gives orders, with the `differences` (n,) from what is expected."""

    outputs: Floats
    differences: Floats

    @property
    def provenance(self) -> dict[str, str]:
        return {CHECKED_ORDERS: str(len(self.differences)), CHECKED_DIFFERENCE: repr(float(self.differences.max()))}


def compared(model: RiskModel, expected: ExpectedScores, tolerance: float, **provenance: str) -> RiskModel:
    """The model with some of the orders as its self-test and the comparison in its provenance, beside what is given for it.

    Raises OtherScores if a score differs by more than the tolerance, and ShapeMismatch and NotFinite for the expected scores.
    """
    found, test = _agreement(model, expected, tolerance), model.manifest.self_test
    chosen = _informative(found.outputs[:, 0], found.differences, model.manifest.threshold)
    kept = decoded(model.manifest.inputs, expected.orders[chosen])
    # The first order, which the service shows as an example, stays the mean.
    orders = (test.orders[0], *kept, *test.orders[1:])
    scores = (test.scores[0], *map(tuple, found.outputs[chosen].tolist()), *test.scores[1:])
    size = max(_SELF_TEST, len(test.orders))
    self_test = SelfTest(orders[:size], scores[:size])
    return replace(model, manifest=replace(_known(model, found.provenance | provenance), self_test=self_test))


def network_compared(model: RiskModel, features: ExpectedScores, tolerance: float) -> RiskModel:
    """The model with the comparison of its network alone in its provenance: the orders are features (n, F).

    Raises as compared does.
    """
    inputs = tuple(map(Input, model.manifest.feature_names))
    manifest = replace(model.manifest, inputs=inputs, features=(), self_test=SelfTest((), ()))
    found = _agreement(replace(model, manifest=manifest), features, tolerance)
    provenance = {f"network_{name}": text for name, text in found.provenance.items()}
    return replace(model, manifest=_known(model, provenance))


def _known(model: RiskModel, provenance: dict[str, str]) -> Manifest:
    return replace(model.manifest, provenance={**model.manifest.provenance, **provenance})


def _agreement(model: RiskModel, expected: ExpectedScores, tolerance: float) -> _Agreement:
    wanted = _outputs(expected, model.network.sizes[-1])
    found = _scores(model, expected.orders)
    differences = _differences(found, wanted)
    worst = int(differences.argmax())
    if differences[worst] <= tolerance:
        return _Agreement(found, differences)
    other = f"{np.count_nonzero(~(differences <= tolerance))} of {len(differences)} orders get other scores"
    largest = f"the largest difference is {differences[worst]:.2g}, of {expected.name(worst)}"
    advice = _advice(model, expected.orders, found, wanted, tolerance)
    raise OtherScores(expected.location, f"{other} than expected, by more than {tolerance:g}; {largest}; {advice}")


def _outputs(expected: ExpectedScores, outputs: int) -> Floats:
    """The expected scores as (n, outputs)."""
    scores = expected.scores[:, np.newaxis] if expected.scores.ndim == 1 else expected.scores
    if scores.shape != (len(expected.orders), outputs):
        raise ShapeMismatch(expected.location, f"shape {expected.scores.shape}, expected ({len(expected.orders)}, {outputs})")
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        raise NotFinite(expected.location, f"not a finite number for {expected.name(int(finite.argmin()))}")
    return scores


def _scores(model: RiskModel, orders: Floats) -> Floats:
    return np.concatenate([model.outputs(orders[at : at + _CHUNK]).outputs for at in range(0, len(orders), _CHUNK)])


def _differences(found: Floats, wanted: Floats) -> Floats:
    """(n,): the largest difference of the outputs of each order; infinite where the model overflows."""
    differences: Floats = np.abs(found - wanted).max(axis=1)
    return np.where(np.isnan(differences), np.inf, differences)


def _informative(scores: Floats, differences: Floats, threshold: float) -> list[int]:
    """The orders of the lowest and highest score, of the score nearest the threshold and of the largest difference."""
    places = (scores.argmin(), scores.argmax(), np.abs(scores - threshold).argmin(), differences.argmax())
    return list(dict.fromkeys(map(int, places)))


def _advice(model: RiskModel, orders: Floats, found: Floats, wanted: Floats, tolerance: float) -> str:
    """The reading of the arrays by which the scores would be the expected ones, or where to look."""
    for name, scores in {
        "the sigmoid of the scores": model.head(wanted),
        "1 - score, of the other class": 1.0 - wanted,
    }.items():
        if (_differences(found, scores) <= tolerance).all():
            return f"it would fit with {name}"
    differences = _differences(found, wanted)
    first = np.argsort(-differences, kind="stable")[:_FIRST]
    for name, reading in _readings(model):
        if all((_differences(_scores(reading, orders[at]), wanted[at]) <= tolerance).all() for at in (first, slice(None))):
            return f"it would fit with {name}"
    if differences.max() <= _FLOAT32:
        return f"scores that were computed in float32 may need a tolerance of {_FLOAT32:g}"
    prepared = "the preparation, " if model.manifest.prepared else ""
    return f"compare {prepared}the order of the features, the activations, mean and scale with those of the training script"


def _readings(model: RiskModel) -> Iterator[tuple[str, RiskModel]]:
    """Other models of the same arrays, each with the name of what is read in another way."""
    layers, given = model.network.layers, model.standardizer
    square = [at for at, layer in enumerate(layers) if len(layer.bias) == layer.weights.shape[1] > 1]
    choices = [[], *([at] for at in square), *([square] if len(square) > 1 else [])]
    standardizers = [
        ("", given),
        ("the square root of scale, which holds variances", Standardizer(given.mean, np.sqrt(given.scale), given.names)),
        ("orders that are z-scores already", Standardizer(0 * given.mean, 0 * given.scale + 1, given.names)),
    ]
    *hidden, last = [layer.activation for layer in layers]
    activations = [("", hidden), *((f"the activation {name}", [name] * len(hidden)) for name in _USUAL_ACTIVATIONS if hidden)]
    for (named, functions), (scaled, standardizer), chosen in product(activations, standardizers, choices):
        transposed = f"{' and '.join(f'w{at + 1}' for at in chosen)} transposed" if chosen else ""
        weights = [layer.weights.T if at in chosen else layer.weights for at, layer in enumerate(layers)]
        network = Network(list(map(Layer, weights, [layer.bias for layer in layers], [*functions, last])))
        reading = replace(model, network=network, standardizer=standardizer)
        yield " and ".join(filter(None, (transposed, scaled, named))), reading
