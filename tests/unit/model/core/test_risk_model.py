import contextlib
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.encoding import encoded
from model.core.manifest import Input, SelfTest
from model.core.network import Network
from model.core.risk_model import RiskModel
from model.errors import NotServable, SelfTestFailed, ShapeMismatch, TooLarge, UnknownName
from model.packaged import packaged_model
from tests.model_files import SECRET_NUMBER, SECRET_TEXT, rejects
from tests.models import layer, model_of, models, one_input
from tests.raw_orders import INPUTS, ORDERS, raw_model


def scored(model, *orders):
    return model.score(Batch([f"order-{row}" for row in range(len(orders))], np.array(orders, np.float64)))


def test_zscores_are_in_the_order_of_the_features():
    assert scored(packaged_model(), [5.0, 7.0, 1.0]).zscores.tolist() == [[0.0, 1.0, -2.0]]


@given(st.floats(-30.0, 30.0))
def test_an_unrounded_score_equal_to_the_threshold_goes_to_review_and_one_below_it_does_not(x):
    score = float(scored(one_input(), [x]).scores[0])
    assert scored(one_input(threshold=score), [x]).review.tolist() == [True]
    assert scored(one_input(threshold=np.nextafter(score, 2.0)), [x]).review.tolist() == [False]


@pytest.mark.parametrize(("threshold", "queues"), [(0.0, [True, True]), (1.0, [False, True])])
def test_the_ends_of_the_threshold_are_thresholds_too(threshold, queues):
    assert scored(one_input(threshold=threshold), [-2000.0], [2000.0]).review.tolist() == queues


def flags(minimum, maximum, *values):
    inputs = [Input("backlog", minimum=minimum, maximum=maximum), Input("weather")]
    model = model_of(Network([layer([[1.0, 1.0]], [0.0])]), inputs=inputs)
    return scored(model, *([value, 1e300] for value in values)).out_of_range.tolist()


LOWER, UPPER = np.nextafter(-2.0, -3.0), np.nextafter(10.0, 11.0)


@pytest.mark.parametrize(
    ("minimum", "maximum", "value", "outside"),
    [
        *((-2.0, 10.0, -2.0, False), (-2.0, 10.0, LOWER, True), (-2.0, 10.0, 10.0, False), (-2.0, 10.0, UPPER, True)),
        *((-2.0, 10.0, 3.0, False), (None, 10.0, -1e308, False), (None, 10.0, UPPER, True), (-2.0, None, 1e308, False)),
        *((-2.0, None, LOWER, True), (None, None, -1e308, False)),
        *((0.0, 0.0, 0.0, False), (0.0, 0.0, -5e-324, True), (0.0, 0.0, 5e-324, True)),
    ],
)
def test_a_value_beyond_a_bound_is_flagged_and_a_value_on_it_is_not(minimum, maximum, value, outside):
    assert flags(minimum, maximum, value) == [[outside, False]]


def test_each_order_has_its_own_flags():
    assert flags(-2.0, 10.0, 0.0, 11.0, 5.0, -3.0) == [[False, False], [True, False], [False, False], [True, False]]


def test_an_order_that_overflows_has_a_logit_that_is_not_finite_and_leaves_the_others_alone():
    scores = scored(model_of(Network([layer([[1e300, -1e300]], [0.0])])), [1e300, 0.0], [1e-300, 0.0], [1e300, 1e300])
    assert np.isfinite(scores.logits).tolist() == [False, True, False]
    assert scores.scores[1] == scored(one_input(), [1.0]).scores[0]


def test_an_overflow_that_a_layer_hides_is_reported():
    hiding = model_of(Network([layer([[-1.0, -1.0, 1.0, 1.0, 1.0]], [0.0], "relu"), layer([[1.0]], [0.0])]))
    scores = scored(hiding, [1.7e308] * 5, [1.0] * 5)
    assert np.isfinite(scores.logits).all()
    assert scores.finite.tolist() == [False, True]


def test_a_zscore_that_overflows_is_silent():
    assert np.isinf(scored(one_input(mean=[-1e308], scale=[0.5]), [1.7e308]).logits).all()


@pytest.mark.parametrize("columns", [0, 2, 4])
def test_a_batch_of_another_width_is_rejected(columns):
    with rejects(ShapeMismatch, "batch"):
        scored(packaged_model(), [0.0] * columns)


TWO_OUTPUTS = model_of(Network([layer([[1.0], [1.0]], [0.0, 0.0])]))


@pytest.mark.parametrize("model", [one_input(head="softmax"), one_input(head="identity"), TWO_OUTPUTS])
def test_a_model_of_another_head_or_several_outputs_does_not_score(model):
    with rejects(NotServable, "manifest.head"):
        scored(model, [0.0])


def test_a_model_of_many_outputs_gives_all_of_them():
    model = model_of(Network([layer([[1.0], [2.0], [3.0]], [0.0, 0.0, 0.0])]), head="identity")
    assert model.outputs(np.array([[1.0], [-1.0]])).outputs.tolist() == [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]


def examined(orders, scores, model=None):
    """A model, or else one that returns its input, with this self-test."""
    model = model or one_input(head="identity")
    return replace(model, manifest=replace(model.manifest, self_test=SelfTest(orders, scores)))


def test_a_self_test_that_matches_to_the_last_bit_passes():
    examined(((2.0,), (4.0,)), ((2.0,), (4.0,))).check_self_test()


NEXT = (math.nextafter(4.0, 0.0), math.nextafter(4.0, 5.0))


@pytest.mark.parametrize("score", [*NEXT, 4.0 + 2e-12, 4.0 - 2e-12, -4.0, 0.0, SECRET_NUMBER, -1.7e308])
def test_a_self_test_of_portable_activations_fails_by_one_bit(score):
    with rejects(SelfTestFailed, "manifest.self_test") as rejected:
        examined(((2.0,), (4.0,)), ((2.0,), (score,))).check_self_test()
    assert rejected.value.reason == "1 of 2 orders get other scores than in the file"


@pytest.mark.parametrize(("off", "passes"), [(9e-13, True), (-9e-13, True), (2e-12, False), (-2e-12, False)])
def test_a_self_test_of_other_activations_has_a_tolerance(off, passes):
    model = model_of(Network([layer([[1.0]], [0.0], "tanh")]), head="identity")
    with contextlib.nullcontext() if passes else pytest.raises(SelfTestFailed):
        examined(((0.5,),), ((math.tanh(0.5) + off,),), model).check_self_test()


OVERFLOWING = {
    "no number": examined(((1e300, 1e300),), ((0.5,),), model_of(Network([layer([[1e300, -1e300]], [0.0])]))),
    "infinity": examined(((1e308,),), ((-1e308,),), one_input(weight=1.5, head="identity")),
    "minus infinity": examined(((-1e308,),), ((1e308,),), one_input(weight=1.5, head="identity")),
}


@pytest.mark.parametrize("model", OVERFLOWING.values(), ids=OVERFLOWING)
def test_a_self_test_whose_numbers_overflow_fails_without_a_warning(model):
    with pytest.raises(SelfTestFailed):
        model.check_self_test()


@pytest.mark.parametrize(
    ("orders", "scores", "part"),
    [
        *((((2.0, 3.0),), ((2.0,),), "orders"), (((2.0,), ()), ((2.0,), (3.0,)), "orders")),
        *((((2.0,),), ((2.0, 3.0),), "scores"), (((2.0,),), ((2.0,), (3.0,)), "scores")),
        (((2.0,), (3.0,)), ((2.0,),), "scores"),
    ],
)
def test_a_self_test_of_another_width_or_length_is_rejected(orders, scores, part):
    with rejects(ShapeMismatch, f"manifest.self_test.{part}"):
        examined(orders, scores)


def widely_tested(units, orders):
    """A hidden layer of this many units, a self-test of this many orders."""
    wide = model_of(Network([layer([[0.0]] * units, [0.0] * units), layer([[0.0] * units], [0.0])]))
    return examined(((0.0,),) * orders, ((0.5,),) * orders, wide)


def test_a_self_test_of_too_many_orders_is_rejected_before_it_is_run(monkeypatch):
    unreasonable = widely_tested(1024, 1025)
    widely_tested(1024, 1024).check_self_test()
    monkeypatch.setattr(RiskModel, "outputs", lambda *_: pytest.fail("the self-test was run"))
    with rejects(TooLarge, "manifest.self_test.orders") as rejected:
        unreasonable.check_self_test()
    assert rejected.value.reason == "1025 orders for layers of up to 1024 units"


def test_a_network_of_any_width_may_be_tested_by_five_orders():
    widely_tested(2**18, 5).check_self_test()


@pytest.mark.parametrize("inputs", [2, 4])
def test_a_network_that_does_not_take_the_features_is_rejected(inputs):
    with rejects(ShapeMismatch, "w1"):
        replace(packaged_model(), network=Network([layer([[1.0] * inputs], [0.0])]))


def test_an_unknown_head_is_rejected():
    with rejects(UnknownName, "manifest.head"):
        one_input(head=SECRET_TEXT)


@settings(max_examples=30)
@given(models())
def test_a_model_from_a_pickle_is_the_same_model_and_gives_the_same_bits(model):
    copied = pickle.loads(pickle.dumps(model))
    assert (copied.manifest, copied.sha256) == (model.manifest, model.sha256)
    x = np.linspace(-2.0, 2.0, 40 * len(model.manifest.inputs)).reshape(40, -1)
    assert [each.tobytes() for each in copied.outputs(x)] == [each.tobytes() for each in model.outputs(x)]


def test_a_prepared_model_from_a_pickle_has_its_preparation_and_its_digest():
    model, orders = raw_model(), encoded(INPUTS, [tuple(order.get(each.name) for each in INPUTS) for order in ORDERS])
    copied = pickle.loads(pickle.dumps(model))
    assert (copied.prepared, copied.sha256, len(copied.sha256)) == (True, model.sha256, 64)
    assert copied.outputs(orders).outputs.tobytes() == model.outputs(orders).outputs.tobytes()


def test_a_pickle_with_another_weight_fails_the_self_test():
    content = pickle.dumps(model_of(Network([layer([[0.625]], [0.375], "tanh"), layer([[1.0]], [0.0])]), mean=[0.5]))
    weight = np.array([0.375]).tobytes()
    assert content.count(weight) == 1
    with pytest.raises(SelfTestFailed):
        pickle.loads(content.replace(weight, np.array([0.375000001]).tobytes()))
