import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.activations import ACTIVATIONS, HEADS, softmax

SPREAD = [-745.2, -38.5, -20.0, -8.25, -3.0, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1.0, 3.0, 8.25, 20.0, 38.5, 710.0]

LOGITS = np.array([[-2.0, 0.0, 3.5], [1.0, -1.0, 0.25]])
EXACT = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf(1) / 100 * z,
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2,
}


def apply(name, *values):
    return ACTIVATIONS[name](np.array([values])).ravel()


assert {*EXACT, "softmax"} == {*ACTIVATIONS}


@pytest.mark.parametrize("name", EXACT)
def test_an_activation_keeps_twelve_digits_of_the_exact_value(name):
    with mpmath.workdps(40):
        exact = [float(EXACT[name](mpmath.mpf(z))) for z in SPREAD]
    np.testing.assert_allclose(apply(name, *SPREAD), exact, rtol=1e-12, atol=1e-320)


def test_softmax_keeps_twelve_digits_of_the_exact_value():
    column = [-30.0, 0.5, 1.25, 3.0]
    with mpmath.workdps(40):
        powers = [mpmath.exp(z) for z in column]
        exact = [float(power / mpmath.fsum(powers)) for power in powers]
    np.testing.assert_allclose(softmax(np.array(column)[:, np.newaxis]).ravel(), exact, rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_does_not_change_its_input(name):
    z = LOGITS.copy()
    ACTIVATIONS[name](z)
    assert z.tolist() == LOGITS.tolist()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_stays_nan_in_its_own_order(name):
    z = np.array([[np.nan, 0.25], [1.0, 0.75]])
    np.testing.assert_array_equal(ACTIVATIONS[name](z)[:, 1:], ACTIVATIONS[name](z[:, 1:].copy()))
    assert np.isnan(apply(name, np.nan)).all()


@pytest.mark.parametrize("value", [0.0, -0.0, -3.0, -5e-324])
@pytest.mark.parametrize("orders", [1, 19])
def test_the_zero_of_relu_is_positive(value, orders):
    assert not np.signbit(apply("relu", *[value] * orders)).any()


@pytest.mark.parametrize("value", [-1000.0, 1000.0, -1.7e308, 1.7e308, -710.0, 710.0, 0.0])
def test_a_sigmoid_is_silent_and_between_zero_and_one_however_large_its_argument(value):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        (share,) = apply("sigmoid", value)
    assert 0.0 <= share <= 1.0


columns = st.lists(st.integers(-3_200, 3_200), min_size=1, max_size=8).map(lambda steps: np.array(steps)[:, np.newaxis] / 64.0)


@given(columns, st.floats(-50.0, 50.0))
def test_a_softmax_sums_to_one_is_larger_for_the_larger_unit_and_does_not_change_by_a_shift_of_all(z, shift):
    shares = softmax(z)
    assert abs(shares.sum() - 1.0) <= 1e-15 * len(z)
    assert (np.diff(shares.ravel()[np.argsort(z.ravel(), kind="stable")]) >= 0.0).all()
    np.testing.assert_allclose(softmax(z + shift), shares, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(("column", "shares"), [([1e4, 0.0], [1.0, 0.0]), ([-1e4, -1e4], [0.5, 0.5]), ([1e4, 1e4], [0.5, 0.5])])
def test_a_softmax_is_silent_for_large_arguments(column, shares):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert softmax(np.array(column)[:, np.newaxis]).ravel().tolist() == shares


def test_a_head_is_the_identity_the_sigmoid_of_each_output_or_the_softmax_of_each_order():
    assert {*HEADS} == {"identity", "sigmoid", "softmax"}
    assert HEADS["identity"](LOGITS).tolist() == LOGITS.tolist()
    np.testing.assert_allclose(HEADS["sigmoid"](LOGITS), 1.0 / (1.0 + np.exp(-LOGITS)), rtol=1e-15)
    np.testing.assert_allclose(HEADS["softmax"](LOGITS).sum(axis=0), [1.0, 1.0, 1.0], rtol=1e-15)
    assert [HEADS["softmax"](np.array([[logit]])).item() for logit in (-1e4, 1e4, 0.0)] == [1.0, 1.0, 1.0]
