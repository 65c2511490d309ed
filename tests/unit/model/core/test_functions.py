import math
from fractions import Fraction
from functools import partial

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.functions import cosine, log1p, sine

LEAST = 5e-324
LARGEST = 1.7976931348623157e308
PERIODS = [12.0, 24.0, 7.0, 365.25, 1.0, 0.1, 2.0 * math.pi, 2.0**-1022, 1e300, LARGEST]
WAVES = {sine: mpmath.sinpi, cosine: mpmath.cospi}
FUNCTIONS = {"log1p": log1p, "sine": partial(sine, period=12.0), "cosine": partial(cosine, period=0.1)}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
each_wave = pytest.mark.parametrize("wave", WAVES, ids=["sine", "cosine"])
integers = st.integers(-(2**50), 2**50)

# x and log1p(x), then x, period, sine and cosine. They are the module's own results, whose errors other tests bound.
LOGARITHMS = """
-0x1.fffffffffffffp-1 -0x1.25e4f7b2737fap+5
-0x1.ff7ced916872bp-1 -0x1.ba18a998fff9fp+2
-0x1.8000000000000p-1 -0x1.62e42fefa39efp+0
-0x1.0000000000000p-1 -0x1.62e42fefa39efp-1
-0x1.2bec333018866p-2 -0x1.62e42fefa39eep-2
-0x1.999999999999ap-4 -0x1.af8e8210a415ep-4
-0x1.12e0be826d695p-30 -0x1.12e0be84bbb51p-30
0x1.0000000000000p-53 0x1.0000000000000p-53
0x1.4f8b588e368f1p-17 0x1.4f8aea9ae7317p-17
0x1.999999999999ap-4 0x1.8663f793c46c7p-4
0x1.a827999fcef31p-2 0x1.62e42fefa39eep-2
0x1.a827999fcef35p-2 0x1.62e42fefa39f1p-2
0x1.0000000000000p+0 0x1.62e42fefa39efp-1
0x1.5bf0a8b145769p+1 0x1.5031eafefb049p+0
0x1.8000000000000p+3 0x1.485042b318c51p+1
0x1.6d40000000000p+8 0x1.79cfee95a48d6p+2
0x1.e848000000000p+19 0x1.ba18abb1dedc8p+3
0x1.0000000000000p+53 0x1.25e4f7b2737fap+5
0x1.0f0cf064dd592p+73 0x1.95414621954fep+5
0x1.fffffffffffffp+1023 0x1.62e42fefa39efp+9
0x1.fdd3368ffe100p-7 0x1.f9e64debe6357p-7
-0x1.bd55c3427ebbep-1 -0x1.04f24f4dba853p+1
0x1.d22a4670d0e55p+9 0x1.b5ae3ac687a0dp+2
0x1.c343939acbe84p+9 0x1.b39a88d387da5p+2
"""
WAVE_VALUES = """
0x1.0000000000000p+0 0x1.8000000000000p+3 0x1.0000000000000p-1 0x1.bb67ae8584caap-1
0x1.0000000000000p+1 0x1.8000000000000p+3 0x1.bb67ae8584caap-1 0x1.0000000000000p-1
0x1.4000000000000p+2 0x1.8000000000000p+3 0x1.0000000000000p-1 -0x1.bb67ae8584caap-1
0x1.4000000000000p+3 0x1.8000000000000p+3 -0x1.bb67ae8584caap-1 0x1.0000000000000p-1
-0x1.0000000000000p+2 0x1.8000000000000p+3 -0x1.bb67ae8584caap-1 -0x1.0000000000000p-1
0x1.1800000000000p+4 0x1.8000000000000p+4 -0x1.fb9ea92ec689bp-1 -0x1.0b5150f6da2d1p-3
0x1.9000000000000p+2 0x1.c000000000000p+2 -0x1.3f3a0e28bedd1p-1 0x1.904c37505de4bp-1
0x1.9000000000000p+7 0x1.6d40000000000p+8 -0x1.2d8758ee01776p-2 -0x1.e94cb36563eccp-1
0x1.3333333333333p-2 0x1.0000000000000p+0 0x1.e6f0e13445500p-1 -0x1.3c6ef372fe94ep-2
0x1.e8480aaaaaaabp+19 0x1.999999999999ap-4 0x1.bb67ae8a06eb5p-1 -0x1.fffffff061fc3p-2
0x1.0000000000000p+53 0x1.6d40000000000p+8 0x1.e5c56dbf3f62ap-1 -0x1.438b829c1d297p-2
0x1.0f0cf064dd592p+73 0x1.921fb54442d18p+2 0x1.bf809b25497f6p-1 0x1.f189552bfea00p-2
0x1.7e43c8800759cp+996 0x1.8000000000000p+4 0x0.0p+0 0x1.0000000000000p+0
0x1.fffffffffffffp+1023 0x1.c000000000000p+2 -0x1.f329c0558e969p-1 -0x1.c7b90e3024582p-3
0x1.56e1fc2f8f359p-997 0x1.8000000000000p+3 0x1.6710e41b9e4ffp-998 0x1.0000000000000p+0
0x1.8000000000001p+1 0x1.8000000000000p+3 0x1.0000000000000p+0 -0x1.0c152382d7366p-52
-0x1.7ffffffeed1f4p+2 0x1.8000000000000p+3 -0x1.1fd9fb90f776ap-31 -0x1.0000000000000p+0
0x1.8000000000000p+0 0x1.8000000000000p+3 0x1.6a09e667f3bcdp-1 0x1.6a09e667f3bcdp-1
0x0.730d67819e8d2p-1022 0x1.59283684dba77p-1022 0x1.bb67ae8584cacp-1 -0x1.ffffffffffffbp-2
0x1.1ccf385ebc8a0p+1023 0x1.ab36d48e1acf0p+1023 -0x1.bb67ae8584caap-1 -0x1.0000000000000p-1
-0x1.8ae3ac070f298p+6 0x1.53c57a3cbe0b7p+0 -0x1.597a243a44294p-1 -0x1.79e0041782848p-1
-0x1.35a40fe952d84p+6 0x1.0cdeb56b669f8p+4 0x1.3dbd2596d4c44p-1 -0x1.917ad3623e22ap-1
0x1.2b87782c701f8p+5 0x1.1d2b765be5da1p+5 0x1.3e991654de2b1p-2 0x1.e696839f0a4d7p-1
0x1.1cb9111ed3ec8p+4 0x1.60356724eb6ddp+5 0x1.21ebcce1434b6p-1 -0x1.a601bf2799ed9p-1
"""


def mixed():
    """Arguments of all magnitudes, with NaN, zeros and subnormal numbers among them."""
    random = np.random.default_rng(6)
    large, special = np.exp(random.uniform(-700.0, 709.7, 500)), np.repeat([np.nan, 0.0, -0.0, LEAST, -1e-310, LARGEST], 10)
    return random.permutation(np.concatenate([random.uniform(-1.0, 1.0, 440), large, special]))


NUMBERS = mixed()


def neighbours(x):
    """These numbers and those before and after each, as far as they are finite."""
    with np.errstate(over="ignore"):
        found = np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)])
    return found[np.isfinite(found)]


def worst(found, exact, least=LEAST):
    """The largest error in units in the last place, where these are not below `least`."""
    places = np.maximum(np.spacing(np.abs(found)), least).tolist()
    return max(float(abs(mpmath.mpf(y) - e) / u) for y, e, u in zip(found.tolist(), exact, places, strict=True))


def log1p_error(x):
    with mpmath.workdps(50):
        return worst(log1p(x), [mpmath.log1p(mpmath.mpf(one)) for one in x.tolist()])


def wave_error(wave, x, period):
    """The error against 50 digits of the sine or cosine of x / period less the nearest integer, a rational number."""
    turns = [Fraction(one) / Fraction(period) for one in x.tolist()]
    halves = [2 * (turn - round(turn)) for turn in turns]
    with mpmath.workdps(50):
        exact = [WAVES[wave](mpmath.mpf(half.numerator) / half.denominator) for half in halves]
        return worst(wave(x, period), exact, 1e-322)


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0 + 2.0**-53, -0.5), (-0.3, -0.28), (-0.5, 0.5), (-1e-9, 1e-9), (0.4, 0.43), (0.5, 9.0), (9.0, 1e6)]
)
def test_the_error_of_log1p_stays_below_one_ulp_over_the_range(low, high):
    assert log1p_error(np.random.default_rng(1).uniform(low, high, 2000)) < 0.9


@pytest.mark.parametrize(("sign", "low", "high"), [(1.0, -740.0, 709.7), (-1.0, -740.0, -1e-9), (1.0, -40.0, -34.0)])
def test_the_error_of_log1p_stays_below_one_ulp_at_all_magnitudes(sign, low, high):
    assert log1p_error(sign * np.exp(np.random.default_rng(2).uniform(low, high, 2000))) < 0.9


@pytest.mark.parametrize("boundary", [math.sqrt(0.5), 1.0])
def test_the_error_of_log1p_stays_below_one_ulp_on_both_sides_of_every_reduction_boundary(boundary):
    assert log1p_error(neighbours(np.ldexp(boundary, np.arange(-51, 1024)) - 1.0)) < 0.9


def test_log1p_of_a_tiny_number_is_the_number():
    x = np.array([LEAST, -LEAST, 1e-310, -1e-310, 2.0**-1022, -1e-300, 1e-17, 2.0**-54, -(2.0**-54)])
    assert log1p(x).tobytes() == x.tobytes()


@each_wave
@pytest.mark.parametrize("period", PERIODS)
def test_the_error_of_a_wave_stays_below_one_ulp_near_zero_and_on_both_sides_of_every_eighth(wave, period):
    random = np.random.default_rng(3)
    near = (np.arange(-4, 5)[:, np.newaxis] / 4.0 * (1.0 + random.normal(0.0, 1e-9, 20))).ravel()
    small = np.exp(random.uniform(-740.0, 0.0, 100))
    parts = np.concatenate([random.uniform(-1.0, 1.0, 300), near[np.abs(near) < 1.0], small, -small])
    eighths, subnormal = neighbours(np.arange(-8, 9) / 8.0 * period), random.integers(-(2**52), 2**52, 50) * LEAST
    assert wave_error(wave, np.concatenate([parts * period, eighths, subnormal]), period) < 0.9


@each_wave
@pytest.mark.parametrize("period", PERIODS)
def test_the_error_of_a_wave_stays_below_one_ulp_far_from_zero(wave, period):
    x = np.exp(np.random.default_rng(4).uniform(min(math.log(period), 700.0), 709.7, 200))
    assert wave_error(wave, np.concatenate([x, -x, [LARGEST, -LARGEST]]), period) < 0.9


@pytest.mark.parametrize("period", [12.0, 4.0, 1.0, 0.375, 365.25, 2.0**-1020, 2.0**1021])
def test_a_wave_is_exact_at_each_quarter_of_the_period(period):
    x = np.arange(-6, 7) * (period / 4.0)
    assert sine(x, period).tolist() == [0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0]
    assert cosine(x, period).tolist() == [-1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1]


@each_wave
@given(integers, st.integers(1, 2**50), st.integers(-3, 3), st.integers(-1000, 900))
def test_a_wave_has_the_same_bits_a_period_further(wave, x, period, count, exponent):
    here, there = np.ldexp([float(x), float(x + count * period)], exponent)
    assert len({found.hex() for found in wave(np.array([here, there]), math.ldexp(period, exponent)).tolist()}) == 1


@given(integers, st.floats(2.0**-1022, LARGEST))
def test_the_sine_is_odd_and_the_cosine_even_to_the_last_bit(x, period):
    both = np.array([x, -x], float)
    assert sine(both, period)[0] == -sine(both, period)[1]
    assert cosine(both, period)[0] == cosine(both, period)[1]


def test_the_zero_that_a_function_returns_is_positive():
    zeros = np.array([-0.0, 0.0])
    found = [log1p(zeros), sine(zeros, 12.0), sine(np.arange(-4, 5) * 6.0, 12.0), cosine(np.arange(-5, 6, 2) * 3.0, 12.0)]
    assert {zero.hex() for zero in np.concatenate(found).tolist()} == {"0x0.0p+0"}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.floats(2.0**-1022, LARGEST))
def test_the_remainder_of_numpy_is_exact(x, period):
    exact = [math.copysign(float(abs(Fraction(one)) % Fraction(period)), one) for one in x]
    assert [rest.hex() for rest in np.fmod(np.array(x), period).tolist()] == [rest.hex() for rest in exact]


@each_function
@pytest.mark.parametrize("taken", [np.s_[1:], np.s_[7:20], np.s_[::3], np.s_[::-1], np.s_[:0]], ids=str)
def test_a_slice_has_the_bits_that_it_has_among_many(function, taken):
    assert function(NUMBERS[taken]).tobytes() == function(NUMBERS)[taken].tobytes()


@each_function
def test_a_number_alone_has_the_bits_that_it_has_among_many(function):
    assert b"".join(function(one).tobytes() for one in NUMBERS.reshape(-1, 1)) == function(NUMBERS).tobytes()


@each_function
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (12, 70), (3, 4, 5)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_function_keeps_the_shape_and_the_places(function, shape, order):
    x = np.resize(NUMBERS, shape)
    found = function(np.array(x, order=order))
    assert found.shape == shape
    assert found.tobytes() == function(x.ravel()).tobytes()


@each_function
def test_nan_stays_nan_and_all_else_is_a_number(function):
    assert np.isnan(function(NUMBERS)).tolist() == np.isnan(NUMBERS).tolist()


@each_function
def test_a_function_is_silent_and_does_not_change_its_input(function):
    x = NUMBERS.copy()
    with np.errstate(all="raise"):
        function(x)
    assert x.tobytes() == NUMBERS.tobytes()


def rows(table):
    return [list(map(float.fromhex, line.split())) for line in table.strip().splitlines()]


def test_log1p_has_the_committed_bits():
    x, expected = np.array(rows(LOGARITHMS)).T
    assert log1p(x).tolist() == expected.tolist()


def test_a_wave_has_the_committed_bits():
    found = [[x, period, *sine(np.array([x]), period), *cosine(np.array([x]), period)] for x, period, _, _ in rows(WAVE_VALUES)]
    assert found == rows(WAVE_VALUES)
