"""Lines through piecewise linear networks: their gradients and switches are those of fractions."""

from fractions import Fraction
from itertools import pairwise
from operator import mul

import numpy as np
import pytest

from model.core.network import Layer, Network
from model.core.piecewise_linear import PiecewiseLinear
from model.errors import NotExplainable
from tests.exact_lines import exact_line
from tests.model_files import rejects
from tests.models import layer, piecewise_linear, plain

CLOSE = 1e-12
STEPS = 10_000
seeds_of = pytest.mark.parametrize("seeds", [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.long)], ids=len)


def wide(name, activation="relu"):
    """A network of these sizes with a linear last layer, and 140 orders for it."""
    random, sizes = np.random.default_rng(16), [int(size) for size in name.split("-")]
    layers = [
        Layer(random.normal(size=(units, inputs)) * (2.0 / inputs) ** 0.5, random.normal(size=units), activation)
        for inputs, units in pairwise(sizes)
    ]
    layers[-1] = Layer(layers[-1].weights, layers[-1].bias, "linear")
    return Network(layers), random.normal(size=(140, sizes[0])) * 2.0


wide_networks = pytest.mark.parametrize(
    ("network", "zscores"),
    [
        pytest.param(*wide(name, activation), id=f"{name} {activation}")
        for name, activation in [
            ("3-3-1", "relu"),
            ("35-16-1", "leaky_relu"),
            ("35-64-32-1", "relu"),
            ("9-200-1", "leaky_relu:0.2"),
            ("6-40-24-16-1", "leaky_relu"),
        ]
    ],
)


@seeds_of
def test_a_mean_gradient_is_that_of_fractions(seeds):
    compared = 0
    for seed in seeds:
        network, zscores = piecewise_linear(seed)
        for row, found in zip(zscores.tolist(), PiecewiseLinear(network).mean_gradients(zscores), strict=True):
            line = exact_line(plain(network), [0.0] * len(row), row)
            if not line.tied:
                compared += 1
                expected = [float(one) for one in line.gradient]
                np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=CLOSE, err_msg=f"seed {seed}")
    assert compared > 1.9 * len(seeds)


def test_the_gradients_of_fractions_add_up_to_the_difference_of_the_outputs_exactly():
    for seed in range(50):
        network, (row, _) = piecewise_linear(seed)
        line = exact_line(plain(network), [0.0] * len(row), row.tolist())
        assert sum(map(mul, line.gradient, map(Fraction, row.tolist()))) == line.outputs[1] - line.outputs[0]


def path_integral(network, row):
    """(F,): the mean of the gradients at the midpoints of equal steps from 0 to this row."""
    values, slopes = np.outer(row, (np.arange(STEPS) + 0.5) / STEPS), []
    for each in network.layers:
        sums = each.weights @ values + each.bias[:, np.newaxis]
        inactive = {"relu": 0.0, "leaky_relu": 0.01, "leaky_relu:0.2": 0.2, "linear": 1.0}[each.activation]
        slopes.append(np.where(sums > 0.0, 1.0, inactive))
        values = sums * slopes[-1]
    gradients = np.ones((1, STEPS))
    for each, slope in zip(reversed(network.layers), reversed(slopes), strict=True):
        gradients = each.weights.T @ (gradients * slope)
    return gradients.mean(axis=1)


@wide_networks
def test_a_mean_gradient_is_that_of_ten_thousand_steps(network, zscores):
    found = PiecewiseLinear(network).mean_gradients(zscores)
    for row, gradient in list(zip(zscores, found, strict=True))[:4]:
        np.testing.assert_allclose(gradient, path_integral(network, row), rtol=0.0, atol=1e-3)


@wide_networks
def test_a_line_has_the_same_bits_alone_and_in_any_batch(network, zscores):
    lines = PiecewiseLinear(network)
    full = lines.mean_gradients(zscores)
    order = np.random.default_rng(1).permutation(len(zscores))
    times = 2 * lines._block // len(zscores) + 1
    assert lines.mean_gradients(zscores[order]).tobytes() == full[order].tobytes()
    assert lines.mean_gradients(np.tile(zscores, (times, 1))).tobytes() == full.tobytes() * times
    for size in (1, 2, 7, 129):
        parts = [lines.mean_gradients(zscores[begin : begin + size]) for begin in range(0, len(zscores), size)]
        assert np.concatenate(parts).tobytes() == full.tobytes()
    for other in (np.asfortranarray(zscores), zscores[::-1, ::-1].copy()[::-1, ::-1]):
        assert lines.mean_gradients(other).tobytes() == full.tobytes()


def distinct(places):
    """The places that are further than CLOSE from the one before and from the end of the line."""
    return [place for before, place in pairwise([-1.0, *places]) if before + CLOSE < place < 1.0 - CLOSE]


@seeds_of
def test_units_switch_where_fractions_say_and_each_line_has_the_point_0(seeds):
    for seed in seeds:
        network, zscores = piecewise_linear(seed)
        begins = np.array([zscores[1], np.zeros(zscores.shape[1])])
        lines, places, _ = PiecewiseLinear(network).switches(begins, zscores)
        assert sorted(lines) == lines.tolist()
        for number, (begin, end) in enumerate(zip(begins.tolist(), zscores.tolist(), strict=True)):
            found = places[lines == number].tolist()
            assert found == sorted(found), f"seed {seed}"
            assert found[0] == 0.0
            assert found[-1] <= 1.0
            expected = distinct(map(float, exact_line(plain(network), begin, end).switches))
            assert distinct(found) == pytest.approx(expected, rel=0.0, abs=CLOSE), f"seed {seed}"


def test_switches_of_two_layers_at_one_point_are_in_order_although_they_are_rounded_apart():
    numbers = [([[-5.0], [-2.0]], [1.0, 2.0]), ([[-6.0, -2.0]], [2.0]), ([[-2.0]], [4.0])]
    network = Network([layer(*each, "relu") for each in numbers])
    _, places, _ = PiecewiseLinear(network).switches(np.array([[0.0]]), np.array([[6.0]]))
    assert places.tolist() == pytest.approx([0.0, 1 / 30, 1 / 12, 1 / 6, 1 / 6], rel=CLOSE)
    assert sorted(places) == places.tolist()


def test_a_unit_at_0_has_the_slope_of_the_inactive_side():
    network = Network([layer([[1.0], [0.0]], [0.0, 0.0], "leaky_relu:0.25"), layer([[2.0, 8.0]], [0.0])])
    assert PiecewiseLinear(network).mean_gradients(np.array([[0.0], [1.0], [-1.0]])).tolist() == [[0.5], [2.0], [0.5]]


@pytest.mark.parametrize("activations", [("linear",), ("linear", "linear"), ("relu", "linear"), ("linear", "leaky_relu")])
def test_no_lines_have_no_gradients_and_no_switches(activations):
    lines = PiecewiseLinear(Network([layer([[1.0]], [0.0], each) for each in activations]))
    none = np.zeros((0, 1))
    assert lines.mean_gradients(none).shape == (0, 1)
    assert [len(found) for found in lines.switches(none, none)] == [0, 0, 0]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("activation", ["tanh", "gelu", "gelu_tanh", "sigmoid", "softmax"])
def test_another_activation_is_not_explainable_and_the_error_names_its_layer(activation, number):
    layers = [layer([[1.0]], [0.0], activation if each == number else "relu") for each in (1, 2, 3)]
    with rejects(NotExplainable, f"layer {number}") as rejected:
        PiecewiseLinear(Network(layers))
    assert activation in rejected.value.reason
