import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Feature
from model.core.network import Network
from model.errors import NotServable
from model.packaged import packaged_model
from service.offline.inspection import diagnose
from tests.models import layer, model_of, one_input

# Two switches on one feature: the first is on above 0, the second below -5. The logit is the first less the second.
TWO_SWITCHES = model_of(
    Network([layer([[1.0], [-1.0]], [0.0, -5.0], "relu"), layer([[1.0, -1.0]], [0.0])]),
    features=[Feature("slack", minimum=-6.0, maximum=9.0)],
    threshold=0.5,
)
ORDERS = np.array([[-20.0], [-6.0], [-5.0], [-1.0], [0.0], [2.0], [9.0], [10.0]])


def told(diagnosis):
    return {
        name: [each.tolist() for each in value] if name == "active" else np.asarray(value).tolist()
        for name in diagnosis.__slots__
        for value in [getattr(diagnosis, name)]
    }


def test_a_diagnosis_counts_what_happens_inside():
    assert told(diagnose(TWO_SWITCHES, ORDERS)) == {
        "orders": 8,
        "z_low": [-20.0],
        "z_high": [10.0],
        "out_of_range": [2],
        "active": [[3, 2]],
        "low": 1,
        "high": 2,
        "review": 6,
    }


def test_zscores_and_ranges_are_told_by_feature():
    diagnosis = diagnose(packaged_model(), np.array([[1.0, 5.0, 11.0], [9.0, -1.0, 12.0]]))
    assert diagnosis.z_low.tolist() == [-2.0, -3.0, 3.0]
    assert diagnosis.z_high.tolist() == [2.0, 0.0, 3.5]
    assert diagnosis.out_of_range.tolist() == [0, 1, 2]


def test_every_hidden_layer_is_told():
    layers = [layer([[1.0], [-1.0]], [0.0, 0.0], "relu"), layer([[1.0, 1.0]], [-3.0], "relu"), layer([[1.0]], [0.0])]
    diagnosis = diagnose(model_of(Network(layers)), np.array([[1.0], [2.0], [4.0], [-5.0]]))
    assert [each.tolist() for each in diagnosis.active] == [[3, 1], [2]]


def test_a_network_without_hidden_layers_has_no_switches():
    assert diagnose(one_input(), np.array([[1.0]])).active == ()


@pytest.mark.parametrize(("logit", "low", "high"), [(-6.91, 1, 0), (-6.90, 0, 0), (6.90, 0, 0), (6.91, 0, 1)])
def test_a_score_within_a_thousandth_of_an_end_is_saturated(logit, low, high):
    diagnosis = diagnose(one_input(), np.array([[logit]]))
    assert (diagnosis.low, diagnosis.high) == (low, high)


@given(st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=30), st.data())
def test_two_diagnoses_together_are_the_diagnosis_of_all(values, data):
    x = np.array(values)[:, np.newaxis]
    cut = data.draw(st.integers(1, len(x) - 1))
    together = diagnose(TWO_SWITCHES, x[:cut]).plus(diagnose(TWO_SWITCHES, x[cut:]))
    assert told(together) == told(diagnose(TWO_SWITCHES, x))


def test_orders_that_overflow_are_diagnosed_without_a_warning():
    assert diagnose(one_input(mean=[-1e308], scale=[0.5]), np.array([[1.7e308]])).z_high.tolist() == [np.inf]


def test_a_model_that_gives_no_delay_risk_is_not_diagnosed():
    with pytest.raises(NotServable):
        diagnose(one_input(head="identity"), np.array([[1.0]]))
