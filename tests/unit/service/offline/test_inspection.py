import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Input
from model.core.network import Network
from model.errors import NotServable
from model.packaged import packaged_model
from service.offline.inspection import Inspection
from tests.exact_lines import exact_line
from tests.models import layer, model_of, one_input, piecewise_linear
from tests.models import plain as plain_layers

# Two hidden units on one feature: one is active above 0, the other below -5. The logit is their difference.
TWO_UNITS = model_of(
    Network([layer([[1.0], [-1.0]], [0.0, -5.0], "relu"), layer([[1.0, -1.0]], [0.0])]),
    inputs=[Input("slack", minimum=-6.0, maximum=9.0)],
    threshold=0.5,
)


def inspect(model, *parts):
    found = Inspection(model)
    for part in parts:
        found.add(part)
    return found


def plain(found):
    """The counts of an inspection, with lists in place of arrays."""
    counts = vars(found) | {"active": [each.tolist() for each in found.active]}
    counts = {name: value for name, value in counts.items() if name not in ("model", "_explainer")}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in counts.items()}


def test_an_inspection_counts_what_happens_inside():
    orders = np.array([[-20.0], [-6.0], [-5.0], [-1.0], [0.0], [2.0], [9.0], [10.0]])
    assert plain(inspect(TWO_UNITS, orders)) == {
        "orders": 8,
        "rejected": 0,
        "z_low": [-20.0],
        "z_high": [10.0],
        "out_of_range": [2],
        "active": [[3, 2]],
        "low": 1,
        "high": 2,
        "review": 6,
        "not_explained": None,
        "explained": 8,
        "contributions": [5.0],
        "absolute": [37.0],
    }


def test_zscores_and_ranges_are_given_by_feature():
    found = plain(inspect(packaged_model(), np.array([[1.0, 5.0, 11.0], [9.0, -1.0, 12.0]])))
    assert (found["z_low"], found["z_high"], found["out_of_range"]) == ([-2.0, -3.0, 3.0], [2.0, 0.0, 3.5], [0, 1, 2])


def test_every_hidden_layer_is_counted():
    layers = [layer([[1.0], [-1.0]], [0.0, 0.0], "relu"), layer([[1.0, 1.0]], [-3.0], "relu"), layer([[1.0]], [0.0])]
    assert plain(inspect(model_of(Network(layers)), np.array([[1.0], [2.0], [4.0], [-5.0]])))["active"] == [[3, 1], [2]]
    assert inspect(one_input(), np.array([[1.0]])).active == []


@pytest.mark.parametrize(("logit", "low", "high"), [(-6.91, 1, 0), (-6.90, 0, 0), (6.90, 0, 0), (6.91, 0, 1)])
def test_a_score_within_a_thousandth_of_an_end_is_saturated(logit, low, high):
    found = inspect(one_input(), np.array([[logit]]))
    assert (found.low, found.high) == (low, high)


@given(st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=30), st.data())
def test_orders_added_in_two_parts_count_as_all_at_once(values, data):
    x = np.array(values)[:, np.newaxis]
    cut = data.draw(st.integers(0, len(x)))
    assert plain(inspect(TWO_UNITS, x[:cut], x[cut:])) == plain(inspect(TWO_UNITS, x))


def test_contributions_are_those_of_exact_lines():
    network, _ = piecewise_linear(4)
    orders = np.random.default_rng(4).integers(-64, 65, (50, network.sizes[0])) / 16
    found = inspect(model_of(network), orders[:20], orders[20:])
    lines = [exact_line(plain_layers(network), [0.0] * len(order), order) for order in orders.tolist()]
    exact = [
        [float(z * rate) for z, rate in zip(order, each.gradient, strict=True)]
        for order, each in zip(orders, lines, strict=True)
    ]
    assert found.explained == 50
    assert found.contributions.tolist() == pytest.approx(np.sum(exact, axis=0).tolist(), abs=1e-12)
    assert found.absolute.tolist() == pytest.approx(np.abs(exact).sum(axis=0).tolist(), abs=1e-12)


def test_contributions_of_orders_that_overflow_are_left_out():
    found = inspect(one_input(weight=1e308), np.array([[2.0], [0.5], [-0.25]]))
    assert (found.orders, found.explained) == (3, 2)
    assert (found.contributions.tolist(), found.absolute.tolist()) == ([2.5e307], [7.5e307])
    # A sum overflows, but the weights of both layers are 2 together.
    wide = Network([layer([[2.0**1023]], [0.0]), layer([[2.0**-1022]], [0.0])])
    found = inspect(model_of(wide), np.array([[2.0], [1.0]]))
    assert (found.explained, found.absolute.tolist()) == (1, [2.0])
    # The logit is finite, but the product of the last two weights is not.
    steep = Network([layer([[1e-308]], [0.0], "relu"), layer([[1e155]], [0.0], "relu"), layer([[1e155]], [0.0])])
    found = inspect(model_of(steep), np.array([[1e-3], [-1.0]]))
    assert (found.explained, found.absolute.tolist()) == (1, [0.0])


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_a_model_of_another_activation_is_inspected_without_contributions(rows):
    model = model_of(Network([layer([[1.0]], [0.0], "relu"), layer([[1.0]], [0.0], "tanh"), layer([[1.0]], [0.0])]))
    found = inspect(model, np.ones((rows, 1)))
    assert found.not_explained is not None
    assert (found.not_explained.location, found.orders, found.explained) == ("layer 2", rows, 0)


def test_orders_that_overflow_are_inspected_without_a_warning():
    assert inspect(one_input(mean=[-1e308], scale=[0.5]), np.array([[1.7e308]])).z_high.tolist() == [np.inf]


def test_a_model_that_gives_no_delay_risk_is_not_inspected():
    with pytest.raises(NotServable):
        Inspection(one_input(head="identity"))
