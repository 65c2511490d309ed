import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.activations import sigmoid
from model.core.exponential import exp
from tests.oracle import portable_exp, portable_sigmoid

LN2 = float(np.log(2.0))
# exp takes one step of its reduction for each k; these are the points between two of them.
BOUNDARIES = [(k + 0.5) * LN2 for k in range(-1075, 1024)]


def errors(x):
    """The error of each exp(x) in units in the last place, against 50 digits."""
    found = exp(np.array(x))
    with mpmath.workdps(50):
        exact = [mpmath.exp(mpmath.mpf(one)) for one in x]
        places = np.spacing(found).tolist()
        return [float(abs(mpmath.mpf(y) - e) / u) for y, e, u in zip(found.tolist(), exact, places, strict=True)]


def falls(start, count):
    """How often exp or the sigmoid falls between `count` adjacent floats from `start` upwards."""
    x = (np.float64(start).view(np.int64) + np.arange(count) * (1 if start >= 0 else -1)).view(np.float64)
    with np.errstate(over="ignore"):
        return int((np.diff(exp(x)) < 0).sum() + (np.diff(sigmoid(x)) < 0).sum())


@pytest.mark.parametrize(("low", "high"), [(-745.0, -708.0), (-708.0, -40.0), (-40.0, 40.0), (-1.0, 1.0), (40.0, 709.7)])
def test_the_error_stays_below_one_ulp_over_the_range(low, high):
    assert max(errors(np.random.default_rng(1).uniform(low, high, 4000).tolist())) < 0.95


def test_the_error_stays_below_one_ulp_on_both_sides_of_every_reduction_boundary():
    near = [x for b in BOUNDARIES if -745.0 < b < 709.7 for x in (np.nextafter(b, -np.inf), b, np.nextafter(b, np.inf))]
    assert max(errors([float(x) for x in near])) < 0.95


@pytest.mark.parametrize(
    "start", [-745.0, -700.0, -41.0, -40.0 - 1e-12, -37.0, -1.0, -1e-9, 1e-300, 0.5, 1.0, 36.0, 39.9, 700.0]
)
def test_the_exponential_and_the_sigmoid_are_monotonic(start):
    assert falls(start, 20_000) == 0


def test_they_are_monotonic_across_a_reduction_boundary():
    assert sum(falls(np.nextafter(b, np.inf) if b < 0 else b, 60) + falls(b, 60) for b in BOUNDARIES) == 0


@pytest.mark.long
def test_they_are_monotonic_on_ten_million_adjacent_pairs():
    starts = np.random.default_rng(7).uniform(-60.0, 60.0, 1000)
    assert sum(falls(start, 10_001) for start in starts) == 0


def test_exact_values():
    ends = sigmoid(np.array([-np.inf, -1e308, -746.0, -745.0, 0.0, 37.0, 1e308, np.inf]))
    assert ends.tolist() == [0.0, 0.0, 0.0, 5e-324, 0.5, 1.0, 1.0, 1.0]
    with np.errstate(over="ignore"):
        assert exp(np.array([0.0, -0.0, 1e-320, -1e9, -np.inf, 1e9, np.inf])).tolist() == [1, 1, 1, 0, 0, np.inf, np.inf]


@pytest.mark.parametrize("count", [1, 1000])
@given(st.floats(-750.0, 709.0), st.floats(allow_nan=False, allow_infinity=False))
def test_the_exponential_and_the_sigmoid_have_the_bits_of_the_plain_float_oracle(count, x, z):
    assert {found.hex() for found in exp(np.full(count, x)).tolist()} == {portable_exp(x).hex()}
    with np.errstate(all="ignore"):
        assert {found.hex() for found in sigmoid(np.full(count, z)).tolist()} == {portable_sigmoid(z).hex()}


def test_a_number_alone_has_the_bits_that_it_has_among_many():
    special = [0.0, -0.0, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, -745.2, -746.5, 709.8, 710.5]
    x = np.array([*BOUNDARIES, *np.nextafter(BOUNDARIES, 0.0), *special])
    with np.errstate(over="ignore"):
        assert exp(x).tobytes() == b"".join(exp(one).tobytes() for one in x.reshape(-1, 1))
