"""Contributions of inputs are those of fractions, and keep the laws of integrated gradients."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from model.core.encoding import encoded
from model.core.network import Layer, Network
from model.errors import NotExplainable
from model.packaged import packaged_model
from tests.exact_lines import exact_line
from tests.model_files import rejects
from tests.models import layer, model_of, piecewise_linear, plain
from tests.raw_orders import FEATURES, INPUTS, ORDERS, raw_model

CLOSE = 1e-12


def explained(network, zscores):
    """Base and contributions of the features."""
    explainer = model_of(network).explainer
    return explainer.base, explainer.contributions(zscores)


def size(base, contributions):
    """|base| and each |c| of an order added up, by which errors are measured."""
    return np.abs(base) + np.abs(contributions).sum(axis=-1)


def logits(network, zscores):
    *_, last = network.forward(zscores)
    return last.activations[:, 0]


def wide(inputs=12, activation="leaky_relu"):
    """A network of two wide hidden layers, and orders for it."""
    random = np.random.default_rng(16)
    sizes = ((40, inputs, activation), (24, 40, activation), (1, 24, "linear"))
    layers = [Layer(random.normal(size=(u, n)) / n**0.5, random.normal(size=u), name) for u, n, name in sizes]
    return Network(layers), random.normal(size=(50, inputs)) * 3.0


@pytest.mark.parametrize("seeds", [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.long)], ids=len)
def test_the_base_and_the_contribution_of_each_feature_are_those_of_fractions(seeds):
    compared = 0
    for seed in seeds:
        network, zscores = piecewise_linear(seed)
        base, contributions = explained(network, zscores)
        for row, found in zip(zscores.tolist(), contributions.tolist(), strict=True):
            line = exact_line(plain(network), [0.0] * len(row), row)
            expected = [gradient * Fraction(z) for gradient, z in zip(line.gradient, row, strict=True)]
            limit = CLOSE * ((abs(line.outputs[0]) + sum(map(abs, expected))) or 1)
            assert abs(Fraction(base) - line.outputs[0]) <= limit
            if not line.tied:
                compared += 1
                pairs = zip(found, expected, strict=True)
                assert all(abs(Fraction(one) - exact) <= limit for one, exact in pairs), f"seed {seed}"
    assert compared > 1.9 * len(seeds)


def test_base_and_contributions_add_up_to_the_logit():
    for network, zscores in (*map(piecewise_linear, range(200)), wide(), wide(3, "relu")):
        base, contributions = explained(network, zscores)
        difference = base + contributions.sum(axis=1) - logits(network, zscores)
        assert (np.abs(difference) <= CLOSE * size(base, contributions)).all()


def test_a_feature_at_its_mean_contributes_nothing():
    network, zscores = wide()
    zscores[::2, 3] = zscores[1::3, 7] = 0.0
    _, contributions = explained(network, zscores)
    np.testing.assert_array_equal(contributions == 0.0, zscores == 0.0)


def test_features_with_equal_weights_and_equal_zscores_have_equal_contributions():
    network, zscores = wide()
    network.layers[0].weights[:, 5], zscores[:, 5] = network.layers[0].weights[:, 2], zscores[:, 2]
    _, contributions = explained(network, zscores)
    assert contributions[:, 5].tolist() == contributions[:, 2].tolist()


@pytest.mark.parametrize("unit", [0, 7, 23])
@pytest.mark.parametrize("split", [0, 1])
def test_a_unit_split_in_two_changes_no_contribution(split, unit):
    network, zscores = wide()
    layers = list(network.layers)
    before, after = layers[split : split + 2]
    halves = np.insert(after.weights, unit, after.weights[:, unit], axis=1)
    halves[:, unit : unit + 2] /= 2.0
    weights, bias = (np.insert(array, unit, array[unit], axis=0) for array in (before.weights, before.bias))
    layers[split : split + 2] = [Layer(weights, bias, before.activation), replace(after, weights=halves)]
    (base, contributions), (other_base, others) = explained(network, zscores), explained(Network(layers), zscores)
    limit = CLOSE * size(base, contributions)
    assert abs(base - other_base) <= limit.min()
    assert (np.abs(contributions - others).max(axis=1) <= limit).all()


def test_a_feature_of_a_linear_network_contributes_its_weight_times_its_zscore():
    base, contributions = explained(Network([layer([[0.5, -3.0, 0.0]], [0.7])]), np.array([[2.0, 0.1, 9.0], [-1.0, 0.0, 1e9]]))
    assert base == 0.7
    assert contributions.tolist() == [[1.0, -3.0 * 0.1, 0.0], [-0.5, 0.0, 0.0]]


def test_linear_layers_contribute_as_the_one_layer_that_they_are():
    network, zscores = wide(activation="linear")
    base, contributions = explained(network, zscores)
    first, second, last = (each.weights for each in network.layers)
    expected = (last @ second @ first) * zscores
    assert np.abs(contributions - expected).max() <= CLOSE * size(base, contributions).min()


def test_one_hidden_layer_of_relu_has_the_contributions_of_the_closed_form():
    model = packaged_model()
    hidden, output = model.network.layers
    zscores = model.standardizer(np.array([[2.0, 3.0, 1.0]]))
    low, high = hidden.bias, hidden.weights @ zscores[0] + hidden.bias
    shares = (np.maximum(high, 0.0) + np.maximum(low, 0.0)) / (np.abs(high) + np.abs(low))
    found = model.explainer.contributions(zscores)
    np.testing.assert_allclose(found[0], zscores[0] * ((output.weights[0] * shares) @ hidden.weights), rtol=CLOSE)


def test_the_contribution_of_an_input_is_the_sum_of_those_of_its_features():
    model = raw_model()
    rows = [[order.get(each.name) for each in INPUTS] for order in ORDERS]
    zscores = model.outputs(encoded(INPUTS, rows)).zscores
    found = model.explainer.contributions(zscores)
    assert found.shape == (len(ORDERS), len(INPUTS))
    for row, by_input in zip(zscores.tolist(), found.tolist(), strict=True):
        line = exact_line(plain(model.network), [0.0] * len(row), row)
        expected = dict.fromkeys((each.name for each in INPUTS), Fraction(0))
        for feature, gradient, z in zip(FEATURES, line.gradient, row, strict=True):
            expected[feature.of] += gradient * Fraction(z)
        limit = CLOSE * float(abs(line.outputs[0]) + sum(map(abs, expected.values())))
        assert by_input == pytest.approx([float(one) for one in expected.values()], rel=0.0, abs=limit)


def test_contributions_of_inputs_have_the_same_bits_alone_and_in_any_batch():
    model = raw_model()
    zscores = np.random.default_rng(3).normal(size=(1_000, len(FEATURES)))
    full = model.explainer.contributions(zscores)
    alone = [model.explainer.contributions(row[np.newaxis]) for row in zscores]
    assert np.concatenate(alone).tobytes() == full.tobytes()
    assert model.explainer.contributions(zscores[::-1]).tobytes() == full[::-1].tobytes()


def test_an_order_whose_numbers_overflow_has_no_finite_sum_and_changes_no_other():
    network = Network([layer([[1e300], [-1e300]], [1.0, 1.0], "relu"), layer([[1e300, 1.0]], [0.5])])
    _, contributions = explained(network, np.array([[1e-300], [1e300], [-1e300]]))
    _, alone = explained(network, np.array([[1e-300]]))
    assert not np.isfinite(contributions[1:]).any()
    assert contributions[0].tolist() == alone[0].tolist()


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_a_model_whose_mean_order_overflows_has_an_infinite_base_and_no_finite_sum(activation):
    base, contributions = explained(Network([layer([[1e200]], [1e200], activation), layer([[1e200]], [0.0])]), np.ones((2, 1)))
    assert base == np.inf
    assert not np.isfinite(base + contributions).any()


@pytest.mark.parametrize("activation", ["tanh", "gelu", "sigmoid"])
def test_a_model_with_another_activation_has_no_explainer_and_the_error_names_the_layer(activation):
    model = model_of(Network([layer([[1.0]], [0.0], activation), layer([[1.0]], [0.0])]))
    with rejects(NotExplainable, "layer 1"):
        _ = model.explainer


@pytest.mark.parametrize(
    ("sizes", "units"),
    [((3, 1), 0), ((3, 3, 1), 3), ((35, 16, 1), 16), ((35, 64, 32, 1), 64 + 32 * 65), ((2, 4, 3, 2, 1), 4 + 3 * 5 + 2 * 8)],
)
def test_a_unit_counts_once_more_for_each_unit_before_its_layer(sizes, units):
    layers = [layer(np.ones((after, before)), np.zeros(after), "relu") for before, after in pairwise(sizes)]
    model = model_of(Network(layers))
    assert model.explainer.units == units
