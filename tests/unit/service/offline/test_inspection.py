import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Input
from model.core.network import Network
from model.errors import NotServable
from model.packaged import packaged_model
from service.offline.inspection import Inspection
from tests.models import layer, model_of, one_input

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
    del counts["model"]
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


def test_orders_that_overflow_are_inspected_without_a_warning():
    assert inspect(one_input(mean=[-1e308], scale=[0.5]), np.array([[1.7e308]])).z_high.tolist() == [np.inf]


def test_a_model_that_gives_no_delay_risk_is_not_inspected():
    with pytest.raises(NotServable):
        Inspection(one_input(head="identity"))
