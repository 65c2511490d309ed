"""An order gets the same bits in any batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.activations import ACTIVATIONS, HEADS
from model.core.batch import Batch
from model.core.network import Layer, Network
from model.errors import ShapeMismatch
from tests.model_files import rejects
from tests.models import ANY_FINITE, MODERATE, matrices, model_of, networks

ORDERS = 70


def bits(model, x):
    """Every number that an order gets, a row an order, as integers: -0.0 is not 0.0, and NaN is NaN."""
    numbers = np.concatenate(model.outputs(x)[:3], axis=1)
    return np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64).tolist()


@st.composite
def crowds(draw):
    """A model under some head, and a batch for it."""
    network = draw(networks(elements=draw(st.sampled_from([MODERATE, ANY_FINITE]))))
    model = model_of(network, head=draw(st.sampled_from(list(HEADS))))
    return model, draw(matrices(network.sizes[0], ANY_FINITE))


@pytest.fixture(params=ACTIVATIONS)
def crowd(request):
    """A network of each activation, wide enough for every vector width, and orders of any magnitude for it."""
    random = np.random.default_rng(7)
    layers = [Layer(random.normal(size=(u, n)), random.normal(size=u), request.param) for u, n in ((16, 35), (3, 16))]
    x = random.normal(size=(ORDERS, 35)) * 10.0 ** random.integers(-6, 3, (ORDERS, 1))
    return model_of(Network(layers), head="softmax"), x


def test_an_order_scores_the_same_alone_and_in_any_batch(crowd):
    model, x = crowd
    alone = [bits(model, x[row : row + 1])[0] for row in range(ORDERS)]
    assert all(bits(model, x[:size]) == alone[:size] for size in range(1, ORDERS + 1))


def test_an_order_scores_the_same_in_any_position_and_in_a_batch_of_thousands(crowd):
    model, x = crowd
    full = bits(model, x)
    assert all(bits(model, np.roll(x, shift, axis=0)) == full[-shift:] + full[:-shift] for shift in range(1, ORDERS))
    assert bits(model, np.tile(x, (60, 1))) == full * 60


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "read backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "part of a wider matrix": lambda x: np.pad(x, 3)[3:-3, 3:-3],
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_an_order_scores_the_same_in_any_memory_layout(crowd, layout):
    model, x = crowd
    assert bits(model, layout(x)) == bits(model, x)


@pytest.mark.parametrize("examples", [200, pytest.param(1_000, marks=pytest.mark.long)])
def test_an_order_of_any_network_scores_the_same_alone_shuffled_in_pieces_repeated_and_in_any_layout(examples):
    @settings(max_examples=examples)
    @given(crowds(), st.randoms(use_true_random=False), st.sampled_from(list(LAYOUTS.values())))
    def law(drawn, random, layout):
        model, x = drawn
        full = bits(model, x)
        order, cut = random.sample(range(len(x)), len(x)), random.randint(0, len(x))
        assert [bits(model, row[np.newaxis])[0] for row in x] == full
        assert bits(model, x[order]) == [full[row] for row in order]
        assert bits(model, x[:cut]) + bits(model, x[cut:]) == full
        assert bits(model, np.concatenate([x, x, x])) == full * 3
        assert bits(model, layout(x)) == full

    law()


def test_scoring_does_not_change_the_batch(crowd):
    model, x = crowd
    before = x.copy()
    model.outputs(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("ids", "shape"), [(["a"], (2, 3)), (["a", "b"], (1, 3)), ([], (1, 3)), (["a"], (3,)), (["a"], (1, 3, 1))]
)
def test_a_batch_has_one_row_for_each_id(ids, shape):
    assert len(Batch(["a", "b"], np.zeros((2, 3)))) == 2
    with rejects(ShapeMismatch, "batch"):
        Batch(ids, np.zeros(shape))


def test_the_numbers_of_a_batch_are_the_same_as_columns_and_as_a_matrix():
    columns = [[0.1, -0.0], [5e-324, 1.7e308], [1.0, 2.0]]
    for batch in (Batch(["a", "b"], columns), Batch(["a", "b"], np.array(columns).T)):
        assert batch.columns == columns
        assert batch.matrix.tolist() == np.array(columns).T.tolist()
        assert batch.columns == columns
    with rejects(ShapeMismatch, "batch"):
        Batch(["a"], columns)
