"""Models for tests: made by hand, and drawn at random."""

import random
import string
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.core.activations import ACTIVATIONS, HEADS
from model.core.manifest import SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram, Input, Manifest, SelfTest
from model.core.network import Layer, Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from tests.oracle import PlainLayer

ANY_FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODERATE = st.floats(-1.0, 1.0, allow_subnormal=False)
SMOOTH = (*ACTIVATIONS, "leaky_relu:0.2")
PIECEWISE_LINEAR = ("linear", "relu", "leaky_relu", "leaky_relu:0.2")

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_NAME = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(lambda name: name != "order_id")


def layer(weights: npt.ArrayLike, bias: npt.ArrayLike, activation: str = "linear") -> Layer:
    return Layer(np.array(weights, np.float64), np.array(bias, np.float64), activation)


def plain(network: Network) -> list[PlainLayer]:
    """The network as the oracle takes it."""
    return [(each.weights.tolist(), each.bias.tolist(), each.activation) for each in network.layers]


def model_of(
    network: Network,
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
    head: str = "sigmoid",
    threshold: float = 0.5,
    inputs: Sequence[Input] | None = None,
    baseline: Baseline | None = None,
) -> RiskModel:
    """A model around this network; its self-test is one order of its means."""
    width = network.sizes[0]
    taken = tuple(inputs or (Input(f"f{number}") for number in range(width)))
    center = tuple(mean if mean is not None else [0.0] * width)
    names = [each.name for each in taken]
    standardizer = Standardizer(np.array(center), np.array(scale if scale is not None else [1.0] * width), names)

    def built(self_test: SelfTest) -> RiskModel:
        activations = tuple(each.activation for each in network.layers)
        created = "2026-01-01T00:00:00Z"
        described = Manifest("made", "1", created, "", taken, activations, head, threshold, self_test, {}, baseline)
        return RiskModel(described, standardizer, network)

    scores = built(SelfTest((), ())).outputs(np.array([center])).outputs
    return built(SelfTest((center,), tuple(map(tuple, scores.tolist()))))


def one_input(weight: float = 1.0, bias: float = 0.0, **described: Any) -> RiskModel:
    """One feature straight to one logit."""
    return model_of(Network([layer([[weight]], [bias])]), **described)


@st.composite
def networks(
    draw: st.DrawFn,
    elements: st.SearchStrategy[float] = MODERATE,
    activations: Sequence[str] = SMOOTH,
    last: Sequence[str] = ("linear",),
) -> Network:
    """1 to 6 inputs, up to three hidden layers, 1 to 3 outputs."""
    hidden = draw(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(activations)), max_size=3))
    layers = []
    inputs = draw(st.integers(1, 6))
    for units, activation in [*hidden, (draw(st.integers(1, 3)), draw(st.sampled_from(last)))]:
        numbers = draw(hnp.arrays(np.float64, (units, inputs + 1), elements=elements, fill=st.nothing()))
        layers.append(Layer(numbers[:, 1:].copy(), numbers[:, 0].copy(), activation))
        inputs = units
    return Network(layers)


def piecewise_linear(seed: int) -> tuple[Network, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """1 to 3 hidden layers and one output, and z-scores of two orders, in short binary fractions.

    The networks of odd seeds have so few different numbers that sums are often 0 and units often switch at the same point.
    Their slopes are binary fractions too, so that few of these sums are rounded.
    """
    draw, tied = random.Random(seed), seed % 2 == 1
    activations = ("linear", "relu", "relu", "leaky_relu:0.5") if tied else ("relu", *PIECEWISE_LINEAR)

    def numbers(count: int, spread: int = 1) -> list[float]:
        return [draw.choice((-1.0, -0.5, 0.0, 0.5, 1.0)) if tied else spread * draw.randint(-64, 64) / 64 for _ in range(count)]

    sizes = [draw.randint(1, 5), *(draw.randint(3, 5) for _ in range(draw.randint(1, 3))), 1]
    layers = []
    for inputs, units in pairwise(sizes):
        bias = numbers(units) if draw.random() < 0.75 else [0.0] * units
        layers.append(layer([numbers(inputs, 2) for _ in range(units)], bias, draw.choice(activations)))
    if draw.random() < 0.7:
        layers[-1] = layer(layers[-1].weights, layers[-1].bias)
    return Network(layers), np.array([numbers(sizes[0], 3) for _ in range(2)])


@st.composite
def matrices(
    draw: st.DrawFn, columns: int, elements: st.SearchStrategy[float] = MODERATE, most: int = 8
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """1 to `most` orders."""
    return draw(hnp.arrays(np.float64, (draw(st.integers(1, most)), columns), elements=elements, fill=st.nothing()))


@st.composite
def models(draw: st.DrawFn) -> RiskModel:
    """Any valid model: any activations and head, any text, any range."""
    network = draw(networks(last=SMOOTH))
    inputs = network.sizes[0]
    names = draw(st.lists(_NAME, min_size=inputs, max_size=inputs, unique=True))
    return model_of(
        network,
        mean=draw(st.lists(MODERATE, min_size=inputs, max_size=inputs)),
        scale=draw(st.lists(st.floats(0.25, 1e300), min_size=inputs, max_size=inputs)),
        head=draw(st.sampled_from(list(HEADS))),
        threshold=draw(st.floats(0.0, 1.0)),
        inputs=[_feature(draw, name) for name in names],
        baseline=draw(st.none() | references(names)),
    )


@st.composite
def references(draw: st.DrawFn, names: Sequence[str]) -> Baseline:
    """Any valid reference of these features, calibrated or not."""
    counts = draw(st.lists(st.integers(0, 9), min_size=20, max_size=20).filter(any))
    orders = sum(counts)
    zscores = {}
    for name in names:
        cuts = sorted(draw(st.lists(st.integers(0, orders), min_size=15, max_size=15)))
        zscores[name] = Histogram(ZSCORE_EDGES, tuple(high - low for low, high in pairwise((0, *cuts, orders))))
    rows = [
        Calibration(to, count, draw(st.floats(above, to)), draw(st.integers(0, count)) / count)
        for (above, to), count in zip(pairwise((0.0, *SCORE_EDGES)), counts, strict=True)
        if count
    ]
    scores = Histogram(SCORE_EDGES, (*counts, 0))
    return Baseline(orders, draw(st.integers(0, orders)), scores, zscores, tuple(rows) if draw(st.booleans()) else ())


def reference_of(names: Sequence[str], late: bool = True) -> Baseline:
    """One of ten orders: four score 0.05 at most, six in the last bin, half of which were late; z-scores are 0."""
    scores = Histogram(SCORE_EDGES, (4, *[0] * 18, 6, 0))
    zscores = {name: Histogram(ZSCORE_EDGES, (*[0] * 7, 10, *[0] * 8)) for name in names}
    rows = (Calibration(0.05, 4, 0.04, 0.0), Calibration(1.0, 6, 0.975, 0.5))
    return Baseline(10, 6, scores, zscores, rows if late else ())


def _feature(draw: st.DrawFn, name: str) -> Input:
    low, high = sorted(draw(st.tuples(ANY_FINITE, ANY_FINITE)))
    bounded_below, bounded_above = draw(st.tuples(st.booleans(), st.booleans()))
    return Input(name, draw(_TEXT), draw(_TEXT), low if bounded_below else None, high if bounded_above else None)
