import mpmath
import numpy as np
import pytest

from model.core.activations import ACTIVATIONS, activation, softmax

SPREAD = [-745.2, -38.5, -20.0, -8.25, -3.0, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1.0, 3.0, 8.25, 20.0, 38.5, 710.0]

LOGITS = np.array([[-2.0, 0.0, 3.5], [1.0, -1.0, 0.25]])
EXACT = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf(1) / 100 * z,
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "leaky_relu:0.2": lambda z: z if z > 0 else mpmath.mpf(0.2) * z,
    "gelu": lambda z: z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3))) / 2,
}


def apply(name, *values):
    return activation(name)(np.array([values])).ravel()


assert {*EXACT, "softmax"} == {*ACTIVATIONS, "leaky_relu:0.2"}


@pytest.mark.parametrize("name", EXACT)
def test_an_activation_keeps_twelve_digits_of_the_exact_value(name):
    with mpmath.workdps(2000):  # 1 + tanh of a far negative number
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


@pytest.mark.parametrize("value", [-1000.0, 1000.0, -1.7e308, 1.7e308, -710.0, 710.0, 0.0])
def test_a_sigmoid_is_silent_and_between_zero_and_one_however_large_its_argument(value):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        (share,) = apply("sigmoid", value)
    assert 0.0 <= share <= 1.0


@pytest.mark.parametrize(("column", "shares"), [([1e4, 0.0], [1.0, 0.0]), ([-1e4, -1e4], [0.5, 0.5]), ([1e4, 1e4], [0.5, 0.5])])
def test_a_softmax_is_silent_for_large_arguments(column, shares):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert softmax(np.array(column)[:, np.newaxis]).ravel().tolist() == shares
