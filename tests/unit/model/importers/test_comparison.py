"""Imports with the scores that the training script expects. The oracle computes them, from the arrays as they should be."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import BadArray, MissingMember, NotFinite, OtherScores, ShapeMismatch
from tests import oracle
from tests.model_files import SECRET_NUMBER
from tests.training_arrays import LABEL, arrays

DICE = np.random.default_rng(5)
ORDERS = np.column_stack([DICE.uniform(0, 9, 40), DICE.uniform(200, 900, 40)])
RIGHT = arrays(2, 2, **{f"w{number}": DICE.normal(size=(2, 2)) for number in (1, 2)})


def scores(saved, activation="relu", orders=ORDERS):
    """The scores of these arrays by the oracle."""
    *hidden, last = [(saved[f"w{number}"].tolist(), saved[f"b{number}"].tolist()) for number in (1, 2, 3)]
    layers = [*((*layer, activation) for layer in hidden), (*last, "linear")]
    standardized = [oracle.zscores(order, saved["mean"].tolist(), saved["scale"].tolist()) for order in orders.tolist()]
    return np.array([oracle.outputs(layers, "sigmoid", order)[0] for order in standardized])


EXPECTED = scores(RIGHT)


def test_a_model_with_the_expected_scores_has_their_number_and_largest_difference_in_its_provenance(imported):
    expected = EXPECTED.copy()
    expected[7] += 5e-7
    model = imported(RIGHT | {"check_x": ORDERS, "check_scores": expected})
    assert (model.manifest.compared, model.manifest.provenance["checked_orders"]) == (True, "40")
    assert float(model.manifest.provenance["checked_difference"]) == pytest.approx(5e-7, rel=1e-6)
    assert not imported(RIGHT).manifest.compared


def test_its_self_test_has_the_mean_the_extreme_the_nearest_and_the_most_different_order_with_its_own_scores(imported):
    exact = scores(RIGHT, "tanh")
    by_score = np.argsort(exact)
    places = [by_score[0], by_score[-1], by_score[30], by_score[10]]
    expected = exact.copy()
    expected[by_score[10]] += 5e-7
    label = replace(LABEL, threshold=float(exact[by_score[30]]), activations=("tanh",))
    test = imported(RIGHT | {"check_x": ORDERS, "check_scores": expected}, label).manifest.self_test
    assert test.orders == (tuple(RIGHT["mean"].tolist()), *map(tuple, ORDERS[places].tolist()))
    np.testing.assert_allclose(np.ravel(test.scores)[1:], exact[places], rtol=1e-14)


def test_of_few_orders_the_self_test_is_filled_up_with_those_of_any_import(imported):
    model = imported(RIGHT | {"check_x": ORDERS[:1], "check_scores": EXPECTED[:1]})
    own = imported(RIGHT).manifest.self_test
    assert model.manifest.self_test.orders == (own.orders[0], tuple(ORDERS[0].tolist()), *own.orders[1:4])
    assert model.manifest.self_test.scores[2:] == own.scores[1:4]


READINGS = {
    "w1 transposed": {"w1": RIGHT["w1"].T},
    "w2 transposed": {"w2": RIGHT["w2"].T},
    "w1 and w2 transposed": {"w1": RIGHT["w1"].T, "w2": RIGHT["w2"].T},
    "the square root of scale, which holds variances": {"scale": RIGHT["scale"] ** 2},
    "w1 transposed and the square root of scale, which holds variances": {"w1": RIGHT["w1"].T, "scale": RIGHT["scale"] ** 2},
    "orders that are z-scores already": {"check_x": (ORDERS - RIGHT["mean"]) / RIGHT["scale"]},
    "1 - score, of the other class": {"check_scores": 1.0 - EXPECTED},
    "the sigmoid of the scores": {"check_scores": np.log(EXPECTED / (1.0 - EXPECTED))},
    **{f"the activation {name}": {"check_scores": scores(RIGHT, name)} for name in ("leaky_relu:0.2", "gelu_tanh", "tanh")},
}


@pytest.mark.parametrize(("name", "wrong"), READINGS.items(), ids=READINGS)
def test_another_model_is_rejected_and_the_reading_that_would_fit_is_named(rejection, name, wrong):
    reason = rejection(OtherScores, "check_scores", RIGHT | {"check_x": ORDERS, "check_scores": EXPECTED} | wrong)
    assert reason.endswith(f"; it would fit with {name}")


def test_the_largest_difference_and_its_order_are_named_and_what_to_compare_where_no_reading_fits(rejection):
    expected = EXPECTED.copy()
    expected[[3, 12]] += [0.125, -0.25]
    reason = rejection(OtherScores, "check_scores", RIGHT | {"check_x": ORDERS, "check_scores": expected})
    assert reason.startswith("2 of 40 orders get other scores than expected, by more than 1e-06; ")
    assert "; the largest difference is 0.25, of check_x[12]; compare the order of the features, the activations" in reason


def test_where_the_scores_differ_as_little_as_float32_does_a_tolerance_is_named(rejection):
    reason = rejection(OtherScores, "check_scores", RIGHT | {"check_x": ORDERS, "check_scores": EXPECTED + 2e-6})
    assert reason.endswith("; scores that were computed in float32 may need a tolerance of 1e-05")


def test_an_order_that_overflows_does_not_get_its_score(rejection):
    far = RIGHT | {"w1": np.full((2, 2), 1e300), "check_x": np.array([[1e300, 1e300]]), "check_scores": np.array([1.0])}
    assert "is inf, of check_x[0]" in rejection(OtherScores, "check_scores", far)


def test_a_model_of_several_outputs_is_compared_in_each(imported, rejection):
    saved = arrays(b1=np.array([0.0, 1.0]), w1=np.array([[1.0, 0.0], [0.0, 1.0]]), check_x=ORDERS)
    zscores = (ORDERS - saved["mean"]) / saved["scale"] + saved["b1"]
    label = replace(LABEL, head="identity")
    assert imported(saved | {"check_scores": zscores}, label).manifest.compared
    assert "40 of 40 orders" in rejection(
        OtherScores, "check_scores", saved | {"check_scores": zscores + np.array([0.0, 1.0])}, label
    )


BROKEN = {
    "orders without scores": ({"check_x": ORDERS}, MissingMember, "check_scores"),
    "scores without orders": ({"check_scores": EXPECTED}, MissingMember, "check_x"),
    "an order too few": ({"check_x": ORDERS[1:], "check_scores": EXPECTED}, ShapeMismatch, "check_scores"),
    "scores of two outputs": ({"check_x": ORDERS, "check_scores": np.ones((40, 2))}, ShapeMismatch, "check_scores"),
    "one number": ({"check_x": ORDERS, "check_scores": np.array(SECRET_NUMBER)}, ShapeMismatch, "check_scores"),
    "orders of one feature": ({"check_x": ORDERS[:, :1], "check_scores": EXPECTED}, ShapeMismatch, "check_x"),
    "one order as a vector": ({"check_x": ORDERS[0], "check_scores": EXPECTED[:1]}, ShapeMismatch, "check_x"),
    "no orders": ({"check_x": ORDERS[:0], "check_scores": EXPECTED[:0]}, ShapeMismatch, "check_x"),
    "an order that is not finite": ({"check_x": ORDERS * np.nan, "check_scores": EXPECTED}, NotFinite, "check_x"),
    "a score that is not finite": ({"check_x": ORDERS, "check_scores": EXPECTED * np.inf}, NotFinite, "check_scores"),
    "scores as text": ({"check_x": ORDERS, "check_scores": EXPECTED.astype(str)}, BadArray, "check_scores"),
}


@pytest.mark.parametrize(("given", "error", "location"), BROKEN.values(), ids=BROKEN)
def test_a_broken_check_is_rejected_by_its_array(rejection, given, error, location):
    rejection(error, location, RIGHT | given)
