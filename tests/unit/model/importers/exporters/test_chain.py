"""Chains of layers of torch and Keras: folded, they compute what the layers compute one after the other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.importers.exporters.chain import Chain, leaky_relu, read_orders, read_scaler, save_chain
from model.importers.exporters.files import CannotExport, names_of, plain, sample
from tests import exporter_scripts

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "leaky_relu:0.2": lambda x: np.where(x > 0.0, x, 0.2 * x),
}


def probability(logits):
    """The score of one logit, or of the second of two classes."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return 1.0 / (1.0 + np.exp(-logits)) if logits.shape[1] == 1 else (e / e.sum(axis=1, keepdims=True))[:, 1:]


def drawn(seed):
    """A chain of random layers, its orders (n, F), and their scores, computed layer by layer."""
    dice = np.random.default_rng(seed)
    width = int(dice.integers(1, 5))
    mean, scale = dice.normal(0.0, 9.0, width), dice.uniform(0.5, 9.0, width)
    x = dice.normal(mean, scale, (120, width))
    chain, found = Chain(mean, scale), (x - mean) / scale
    for last in [False] * int(dice.integers(0, 4)) + [True]:
        for _ in range(int(dice.integers(0, 3))):
            found = _normalized(dice, chain, found)
        units = int(dice.integers(1, 3)) if last else int(dice.integers(1, 6))
        weights, bias = dice.normal(0.0, 0.7, (units, found.shape[1])), dice.normal(0.0, 0.5, units)
        chain.dense(weights, bias)
        found = found @ weights.T + bias
        for _ in range(int(dice.integers(0, 3))):
            found = _normalized(dice, chain, found)
        if not last and dice.random() < 0.8:
            name = list(FUNCTIONS)[dice.integers(len(FUNCTIONS))]
            chain.activation(name, "an activation")
            found = FUNCTIONS[name](found)
    if dice.random() < 0.5:
        chain.activation("sigmoid" if found.shape[1] == 1 else "softmax", "the last")
    return chain.end(), x, probability(found)


def _normalized(dice, chain, x):
    center, spread = dice.normal(0.0, 1.0, x.shape[1]), dice.uniform(0.3, 2.0, x.shape[1])
    if dice.random() < 0.5:
        chain.standardize(center, spread, "a normalization")
        return (x - center) / spread
    factor = spread * dice.choice([-1.0, 1.0], x.shape[1])
    chain.affine(factor, center, "an affine layer")
    return factor * x + center


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(40, 1_000))])
def test_a_chain_with_what_is_folded_into_it_gets_the_scores_of_its_layers(tmp_path, seed):
    chain, x, scores = drawn(seed)
    names = [f"x{at}" for at in range(x.shape[1])]
    save_chain(
        chain, names, x, lambda orders: scores[[int(np.argmin(np.abs(x - order).sum(axis=1))) for order in orders]], tmp_path
    )
    activations = ",".join(each or "linear" for each in chain.activations[:-1])
    model = exporter_scripts.imported(tmp_path, "1e-11", *(["--activations", activations] if activations else []))
    np.testing.assert_allclose(model.outputs(x).outputs, scores, rtol=0, atol=1e-11)


def network(*steps):
    """Run these steps on a chain of two features."""
    chain = Chain([0.0, 0.0], [1.0, 1.0])
    for step, *given in steps:
        getattr(chain, step)(*given)
    return chain.end()


def dense(units, inputs=2):
    return ("dense", np.ones((units, inputs)), np.zeros(units))


RELU, NORM = ("activation", "relu", "1 (ReLU)"), ("standardize", np.zeros(3), np.ones(3), "2 (BatchNorm1d)")
NOT_A_CHAIN = {
    "a normalization between two activations": (
        [dense(3), RELU, NORM, ("activation", "tanh", "3")],
        "2 (BatchNorm1d): has an activ",
    ),
    "a normalization at the end": ([dense(3), RELU, NORM], "2 (BatchNorm1d): expected a dense layer"),
    "two activations": ([dense(3), RELU, RELU], "1 (ReLU): an activation must follow a dense layer"),
    "an activation at the beginning": ([RELU, dense(1)], "1 (ReLU): an activation must follow a dense layer"),
    "no layers": ([], "a network of 0 outputs: expected a dense layer"),
    "three outputs": ([dense(3)], "a network of 3 outputs: expected a dense layer of one output, or of two"),
    "a relu at the end": ([dense(1), RELU], "the last layer: relu of 1 outputs is no probability"),
    "two sigmoids": ([dense(2), ("activation", "sigmoid", "1")], "the last layer: sigmoid of 2 outputs is no probability"),
    "a softmax of one": ([dense(1), ("activation", "softmax", "1")], "the last layer: softmax of 1 outputs is no probability"),
}


@pytest.mark.parametrize(("steps", "reason"), NOT_A_CHAIN.values(), ids=NOT_A_CHAIN)
def test_what_is_no_chain_with_one_score_is_named(steps, reason):
    with pytest.raises(CannotExport) as raised:
        network(*steps)
    assert str(raised.value).startswith(reason)


def test_a_standardization_at_the_beginning_is_kept_apart_from_the_layers():
    chain = network(("standardize", [2.0, 4.0], [2.0, 8.0], "a"), dense(1))
    assert (chain.mean.tolist(), chain.scale.tolist(), chain.weights[0].tolist()) == ([2.0, 4.0], [2.0, 8.0], [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("slope", "name"),
    [(0.01, "0.01"), (0.0, "0"), (1.0, "1"), (1e-7, "0.0000001"), (0.30000001192092896, "0.30000001192092896")],
)
def test_a_slope_is_written_as_the_service_reads_it(slope, name):
    assert leaky_relu(slope, "a") == f"leaky_relu:{name}"


@pytest.mark.parametrize("slope", [-0.1, 1.5, 1e-30, float("nan")])
def test_a_slope_that_the_service_does_not_have_is_named(slope):
    with pytest.raises(CannotExport, match="a: the slope"):
        leaky_relu(slope, "a")


ORDERS = {
    "a gap": ("a,b\n1,2\n1,\n", "column 'b', order 2: is no finite number"),
    "a text": ("a,b\n1,x\n", "column 'b', order 1: is no number"),
    "an infinity": ("a,b\ninf,2\n", "column 'a', order 1: is no finite number"),
    "a column too many": ("a,b,c\n1,2,3\n", "3 columns for 2 features"),
    "a short row": ("a,b\n1\n", "order 1: has 1 cells, expected 2"),
    "no orders": ("a,b\n", "there are no orders"),
    "nothing": ("", "has no header"),
}


@pytest.mark.parametrize(("text", "reason"), ORDERS.values(), ids=ORDERS)
def test_orders_that_cannot_be_read_are_named_by_column_and_row(tmp_path, text, reason):
    (tmp_path / "orders.csv").write_text(text)
    with pytest.raises(CannotExport) as raised:
        save_chain(network(dense(1)), *read_orders(tmp_path / "orders.csv", None), lambda x: x[:, 0], tmp_path / "out")
    assert reason in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_columns_are_taken_by_name_and_order_id_is_left_out(tmp_path):
    (tmp_path / "orders.csv").write_text("order_id,b,late,a\nA-1,2,0,1\n")
    names, orders = read_orders(tmp_path / "orders.csv", "a,b")
    assert (names, orders.tolist()) == (["a", "b"], [[1.0, 2.0]])
    with pytest.raises(CannotExport, match="has no column 'c'"):
        read_orders(tmp_path / "orders.csv", "a,c")


def test_a_scaler_is_read_from_json_and_npz_and_is_0_and_1_without_a_file(tmp_path):
    (tmp_path / "scaler.json").write_text('{"mean": [1, 2], "scale": [3, 4]}')
    np.savez(tmp_path / "scaler.npz", mean=[1.0, 2.0], scale=[3.0, 4.0])
    for name in ("scaler.json", "scaler.npz"):
        assert np.array_equal(read_scaler(str(tmp_path / name), 2), [[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(read_scaler(None, 2), [[0.0, 0.0], [1.0, 1.0]])


def test_names_are_made_those_that_the_service_takes(capsys):
    assert names_of(["backlog", "wind mph", "wind-mph", "score", "2nd", "é", "x" * 99]) == [
        *("backlog", "wind_mph", "wind_mph_2", "score_2", "_2nd", "_", "x" * 56)
    ]
    assert "the input wind_mph is the column 'wind mph'" in capsys.readouterr().out
    assert plain("a", {"a", "a_2"}) == "a_3"


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (3, [0, 1, 2]), (100, [*range(100)])])
def test_all_orders_are_sampled_up_to_a_hundred(count, expected):
    assert sample(count) == expected


def test_a_hundred_of_more_orders_are_sampled_from_the_first_to_the_last():
    found = sample(12_345)
    assert (len(found), found[0], found[-1]) == (100, 0, 12_344)
