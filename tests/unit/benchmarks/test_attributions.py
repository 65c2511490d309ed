"""The plain attributions that the benchmark of explanations compares with."""

import numpy as np
import pytest

from model.core.network import Layer, Network
from tests.benchmarks.attributions import along_segments, gradient_times_input, logits
from tests.models import model_of, plain
from tests.oracle import forward


@pytest.fixture(params=[(3, 4, 1), (5, 8, 6, 1), (4, 5, 4, 3, 1)], ids=lambda sizes: "-".join(map(str, sizes)))
def network(request):
    """A random network, relu but for its last layer."""
    draw, sizes = np.random.default_rng(3), request.param
    activations = [*["relu"] * (len(sizes) - 2), "linear"]
    shapes = zip(sizes[1:], sizes, activations, strict=False)
    return Network([Layer(draw.normal(size=(units, inputs)), draw.normal(size=units), name) for units, inputs, name in shapes])


@pytest.fixture
def layers(network):
    return [(each.weights, each.bias) for each in network.layers]


@pytest.fixture
def zscores(network):
    return np.random.default_rng(4).normal(size=(50, network.sizes[0]))


def test_a_logit_is_that_of_the_oracle(network, layers, zscores):
    expected = [forward(plain(network), order)[-1].activations[0] for order in zscores.tolist()]
    np.testing.assert_allclose(logits(layers, zscores), expected, rtol=1e-12)


def test_the_loop_over_segments_gives_the_contributions_of_the_explainer(network, layers, zscores):
    expected = model_of(network).explainer.contributions(zscores)
    np.testing.assert_allclose(along_segments(layers, zscores), expected, rtol=0.0, atol=1e-12)


def test_gradient_times_input_has_the_gradient_of_a_numerical_difference(layers, zscores):
    step = 1e-7
    moved = [(logits(layers, zscores + step * unit) - logits(layers, zscores)) / step for unit in np.eye(zscores.shape[1])]
    np.testing.assert_allclose(gradient_times_input(layers, zscores), zscores * np.array(moved).T, rtol=0.0, atol=1e-4)
