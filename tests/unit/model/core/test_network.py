import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.activations import HEADS
from model.core.network import Layer, Network, Step
from model.core.standardizer import Standardizer
from model.errors import NotFinite, ShapeMismatch, UnknownName
from tests import oracle
from tests.facts import DATA
from tests.model_files import SECRET_NUMBER, SECRET_TEXT, rejects
from tests.models import ANY_FINITE, PIECEWISE_LINEAR, SMOOTH, layer, matrices, model_of, networks, plain

GOLDEN = json.loads((DATA / "forward_pass.json").read_text())

examples_of = pytest.mark.parametrize("examples", [100, pytest.param(1_000, marks=pytest.mark.long)])


def bits(numbers):
    """Signed zeros differ; one NaN is as good as another."""
    return [number.hex() for number in np.ravel(numbers).tolist()]


@st.composite
def fed(draw: st.DrawFn, /, **kind):
    """A network, and orders for it."""
    network = draw(networks(**kind))
    return network, draw(matrices(network.sizes[0], kind.get("elements", st.floats(-5.0, 5.0)), most=4))


def compared(network, x):
    """What the network and the oracle give, for the sums and the activations of each layer."""
    expected = [oracle.forward(plain(network), order) for order in x.tolist()]
    with np.errstate(all="ignore"):
        for step, *orders in zip(network.forward(x), *expected, strict=True):
            yield from zip(step, zip(*orders, strict=True), strict=True)


@examples_of
def test_sums_are_those_of_plain_arithmetic_bit_for_bit(examples):
    @settings(max_examples=examples)
    @given(fed(elements=ANY_FINITE, activations=PIECEWISE_LINEAR, last=PIECEWISE_LINEAR))
    def law(drawn):
        assert all(bits(found) == bits(wanted) for found, wanted in compared(*drawn))

    law()


@examples_of
def test_any_network_agrees_with_plain_arithmetic(examples):
    @settings(max_examples=examples)
    @given(fed(last=SMOOTH), st.sampled_from(list(HEADS)))
    def law(drawn, head):
        network, x = drawn
        for found, wanted in compared(network, x):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        outputs = [oracle.outputs(plain(network), head, order) for order in x.tolist()]
        np.testing.assert_allclose(model_of(network, head=head).outputs(x).outputs, outputs, rtol=1e-12, atol=1e-12)

    law()


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in GOLDEN["networks"]])
def test_a_worked_network_gives_its_exact_numbers(case):
    x = np.array(case["x"], np.float64)
    if "mean" in case:
        x = Standardizer(np.array(case["mean"]), np.array(case["scale"]), ["feature"] * x.shape[1])(x)
    steps = Network([layer(each["w"], each["b"], each["activation"]) for each in case["layers"]]).forward(x)
    for step, *expected in zip(steps, *map(case["expected"].get, Step._fields), strict=True):
        for found, numbers in zip(step, expected, strict=True):
            np.testing.assert_allclose(found, numbers, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", GOLDEN["parameter_counts"], ids=lambda row: "-".join(map(str, row["sizes"])))
def test_parameters_are_weights_and_biases_together(row):
    layers = [Layer(np.zeros((units, inputs)), np.zeros(units), "relu") for inputs, units in pairwise(row["sizes"])]
    network = Network(layers)
    assert network.parameter_count == row["parameters"]
    assert network.sizes == tuple(row["sizes"])


ONE = layer([[1.0]], [0.0])


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_relu_does_not_hide_a_nan(activation):
    *_, last = Network([layer([[1.0]], [0.0], activation), ONE]).forward(np.array([[np.nan]]))
    assert np.isnan(last.activations).all()


def test_an_empty_batch_gives_no_rows():
    *_, last = Network([layer([[1.0, 2.0]], [0.0], "gelu"), layer([[1.0]], [0.0], "softmax")]).forward(np.zeros((0, 2)))
    assert last.activations.shape == (0, 1)


UNFIT = {
    "no layers": ([], "w1"),
    "weights of no dimension": ([layer(1.0, [0.0])], "w1"),
    "weights of one dimension": ([layer([1.0], [0.0])], "w1"),
    "a layer of no inputs": ([layer([[]], [0.0])], "w1"),
    "weights of three dimensions": ([layer([[[1.0]]], [0.0])], "w1"),
    "a layer of no units": ([Layer(np.zeros((0, 2)), np.zeros(0), "linear")], "w1"),
    "a layer that takes too much": ([ONE, layer([[1.0, 2.0]], [0.0])], "w2"),
    "a layer that takes too little": ([layer([[1.0], [1.0]], [0.0, 0.0]), ONE], "w2"),
    "weights (inputs, units)": ([layer([[1.0, 1.0], [1.0, 1.0]], [0.0] * 2), layer([[1.0], [1.0]], [0.0])], "w2"),
    "first weights (inputs, units)": ([layer([[1.0], [1.0]], [0.0])], "w1"),
    "a bias of no dimension": ([layer([[1.0]], 0.0)], "b1"),
    "a bias of two dimensions": ([layer([[1.0]], [[0.0]])], "b1"),
    "a bias that would be broadcast": ([layer([[1.0, 1.0], [1.0, 1.0]], [SECRET_NUMBER])], "b1"),
    "a bias that is too long": ([layer([[1.0]], [0.0, 0.0])], "b1"),
}
REJECTED = {
    **{name: (layers, ShapeMismatch, location) for name, (layers, location) in UNFIT.items()},
    "a weight that is not a number": ([layer([[np.nan]], [0.0])], NotFinite, "w1"),
    "an infinite weight": ([ONE, layer([[-np.inf]], [0.0])], NotFinite, "w2"),
    "an infinite bias": ([layer([[1.0]], [np.inf])], NotFinite, "b1"),
    "an unknown activation": ([layer([[1.0]], [0.0], SECRET_TEXT)], UnknownName, "activation of layer 1"),
}


@pytest.mark.parametrize(("layers", "error", "location"), REJECTED.values(), ids=REJECTED)
def test_layers_that_do_not_fit_are_rejected(layers, error, location):
    with rejects(error, location):
        Network(layers)
