"""Few rows of a small network get the bits that NumPy gives them among many."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.artifact import model_file
from model.core import few_rows as few_rows_module
from model.core.batch import Batch
from model.core.few_rows import MOST, ROW_BY_ROW, FewScores, few_rows
from model.core.network import Layer, Network
from model.core.standardizer import Standardizer
from model.packaged import packaged_model
from tests import committed_bits
from tests.model_files import GOOD
from tests.models import ANY_FINITE, MODERATE, PIECEWISE_LINEAR, layer, matrices, model_of, networks, one_input

ANY = st.floats(allow_nan=False)


def unbounded(features):
    return np.full(features, -np.inf), np.full(features, np.inf)


def applied(model, x):
    few = few_rows(model.standardizer, model.network, model.manifest.head, unbounded(model.network.sizes[0]))
    assert few is not None
    found = few(x.T.tolist(), 0.5)
    return None if found is None else np.column_stack([found.zscores, found.logits, found.scores])


def numbers(model, x):
    """Every number that an order gets, a row an order; NaN has one sign only."""
    found = model.score(Batch(["an order"] * len(x), x))
    every = np.column_stack([found.zscores, found.logits, found.scores, found.out_of_range, found.review, found.finite])
    return np.where(np.isnan(every), np.nan, every)


@st.composite
def small_models(draw, elements):
    drawn = draw(networks(elements, (*PIECEWISE_LINEAR, "sigmoid"), (*PIECEWISE_LINEAR, "sigmoid")))
    *hidden, last = drawn.layers
    inputs = drawn.sizes[0]
    return model_of(
        Network([*hidden, replace(last, weights=last.weights[:1], bias=last.bias[:1])]),
        mean=draw(st.lists(elements, min_size=inputs, max_size=inputs)),
        scale=draw(st.lists(st.floats(2.3e-308, 1e300), min_size=inputs, max_size=inputs)),
    )


@pytest.mark.parametrize("examples", [300, pytest.param(5_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("elements", [MODERATE, ANY_FINITE], ids=["moderate", "any magnitude"])
def test_few_rows_have_the_bits_of_numpy_and_none_if_a_sum_overflows(elements, examples):
    @settings(max_examples=examples)
    @given(st.data())
    def law(data):
        model = data.draw(small_models(elements))
        x = data.draw(matrices(model.network.sizes[0], st.one_of(elements, ANY), most=ROW_BY_ROW + 2))
        expected = numbers(model, np.tile(x, (MOST, 1)))[: len(x)]
        assert numbers(model, x).tobytes() == expected.tobytes()
        few = applied(model, x)
        if few is not None:
            assert few.tobytes() == expected[:, : few.shape[1]].tobytes()
            assert expected[:, -1].all()

    law()


@pytest.mark.parametrize("activation", [*PIECEWISE_LINEAR, "leaky_relu:0.0"])
def test_the_zero_of_a_row_has_the_sign_that_numpy_gives_it(activation):
    model = model_of(Network([layer([[1.0]], [-0.0], activation)]))
    logits = [numbers(model, np.full((rows, 1), -0.0))[0, 1] for rows in (1, MOST)]
    assert [math.copysign(1.0, logit) for logit in logits] == [1.0 if activation == "relu" else -1.0] * 2


@pytest.mark.parametrize("name", ["3-3-1", "9-16-1"])
def test_few_rows_have_the_committed_bits(name):
    mean, scale, layers, orders = committed_bits.network(name)
    model = model_of(Network([layer(weights, bias, activation) for weights, bias, activation in layers]), mean, scale)
    alone = [applied(model, np.array([order]))[0, -2:].tolist() for order in orders]
    assert [f"{logit.hex()} {score.hex()}" for logit, score in alone] == committed_bits.expected(name)


def wide(units):
    return Network([Layer(np.ones((units, 1)), np.ones(units), "relu"), Layer(np.ones((1, units)), np.ones(1), "linear")])


def with_hidden(activation):
    return Network([layer([[1.0]], [0.0], activation), layer([[1.0]], [0.0])])


@pytest.mark.parametrize(
    ("network", "head"),
    [
        *((with_hidden(name), "sigmoid") for name in ("tanh", "gelu", "gelu_tanh", "softmax")),
        *((with_hidden("relu"), head) for head in ("softmax", "identity")),
        (Network([layer([[1.0], [1.0]], [0.0, 0.0])]), "sigmoid"),
        (wide(MOST // 3), "sigmoid"),
    ],
    ids=str,
)
def test_numpy_scores_models_of_other_kinds_and_large_ones(network, head):
    assert few_rows(Standardizer(np.zeros(1), np.ones(1), ["f"]), network, head, unbounded(1)) is None


@pytest.mark.parametrize("value", [0.0, 10.0, np.nextafter(0.0, -1.0), np.nextafter(10.0, 11.0)])
def test_an_order_at_a_bound_or_beyond_it_gets_alone_what_it_gets_among_many(value):
    order = np.array([[5.0, value, 5.0]])
    assert numbers(packaged_model(), order).tolist() == numbers(packaged_model(), np.tile(order, (MOST, 1)))[:1].tolist()


@pytest.mark.parametrize("rows", [0, MOST])
def test_numpy_scores_no_rows_and_many(rows):
    model = one_input()
    few = few_rows(model.standardizer, model.network, model.manifest.head, unbounded(1))
    assert [few.takes(count) for count in (rows, 1)] == [False, True]
    assert applied(model, np.zeros((1, 1))).tolist() == [[0.0, 0.0, 0.5]]


def test_few_scores_have_as_arrays_what_they_have_as_lists():
    found = packaged_model().score(Batch(["a", "b"], [[2.0] * 2, [3.0] * 2, [1.0] * 2]))
    assert isinstance(found, FewScores)
    assert found.scores.tolist() == found.values
    assert found.review.tolist() == found.flags
    assert found.review.sum() == found.reviews
    assert found.zscores.T.tolist() == found.by_feature
    assert found.finite.tolist() == [True, True]
    assert found.out_of_range.tolist() == [[False] * 3] * 2


def one_ulp_off(function):
    return lambda *given: np.nextafter(function(*given), np.inf).tolist()


@pytest.mark.parametrize(
    ("wrong", "rows"), [("sigmoid_of_one", 1), ("sigmoid_of_one", ROW_BY_ROW + 1), ("reduce", 1), ("_sums", ROW_BY_ROW + 1)]
)
def test_numpy_scores_a_model_whose_self_test_gets_other_bits_from_few_rows(wrong, rows, monkeypatch):
    orders = np.array(packaged_model().manifest.self_test.orders[-1:] * rows)
    expected = numbers(packaged_model(), orders).tolist()
    monkeypatch.setattr(few_rows_module, wrong, one_ulp_off(getattr(few_rows_module, wrong)))
    assert numbers(packaged_model(), orders).tolist() != expected
    assert numbers(model_file.loads(GOOD), orders).tolist() == expected
