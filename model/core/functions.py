"""log1p, sine and cosine for features, by operations that IEEE 754 defines to the last bit.

As in exponential.py there is no fused operation and no table, and of library functions only fmod and rint, which are exact.
So every processor, vector width and position in an array gives the same bits. NaN stays NaN; a zero result is +0.0.

log1p is that of fdlibm (Sun Microsystems, 1993). With u = 1 + x rounded and c what rounding lost (Dekker, 1971), it is
log(u) + c / u. u = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2), ln 2 is taken in the two parts of exponential.py, and
log(1 + f) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)) with s = f / (2 + f). R has 10 terms of the Taylor series, whose
remainder is below 2^-60 of the result. The error is below 1 ulp. Twenty million numbers show at most 0.88 ulp.

Sine and cosine take x modulo the period and subtract the nearest half and then the nearest quarter of the period, all of it
exact, however large x is. At most an eighth of a turn remains. Its product with 2 pi / period is made in two parts (Dekker,
1971), y and a tail. The sine and cosine of y + tail are Taylor polynomials of degrees 17 and 16, whose remainders are below
2^-58, summed as in fdlibm. The error is below 1 ulp, or below 1e-322 where the result is below 1e-306. Sixty million numbers
show at most 0.83 ulp.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from model.core.batch import Floats
from model.core.exponential import LN2_HIGH, LN2_LOW, TO_INTEGER

_BITS_OF_SQRT_HALF = np.float64(float.fromhex("0x1.6a09e667f3bcdp-1")).view(np.int64)
_LOG = [2.0 / (2 * n + 1) for n in range(10, 0, -1)]

_TWO_PI = Fraction("6.2831853071795864769252867665590057683943387987502116")
_LEADING = -(1 << 27)  # a mask of the sign, the exponent and the first 26 bits of a float64
_SINE = [(-1) ** n / math.factorial(2 * n + 1) for n in range(8, 0, -1)]
_COSINE = [(-1) ** n / math.factorial(2 * n) for n in range(8, 1, -1)]


@np.errstate(under="ignore")
def log1p(x: Floats) -> Floats:
    """The natural logarithm of 1 + x, elementwise, for a float64 array of any shape with finite x > -1 or NaN."""
    u = 1.0 + x
    bits = u.view(np.int64)
    k = (bits - _BITS_OF_SQRT_HALF) >> 52
    f = (bits - (k << 52)).view(np.float64)
    f -= 1.0
    c = (np.minimum(x, 1.0) - (u - np.maximum(x, 1.0))) / u
    s = f / (2.0 + f)
    square = 0.5 * f * f
    p = s * (square + _polynomial(s * s, _LOG)) + (k * LN2_LOW + c)
    result: Floats = k * LN2_HIGH - ((square - p) - f)
    return result


def sine(x: Floats, period: float) -> Floats:
    """sin(2 pi x / period), elementwise, for a float64 array of any shape with finite x or NaN.

    `period` is a positive normal number. At each quarter of the period the result is exactly 0, 1 or -1.
    """
    return _sine(x, period, 0.0)


def cosine(x: Floats, period: float) -> Floats:
    """cos(2 pi x / period), for the same arguments as those of sine."""
    return _sine(x, period, 1.0)


@np.errstate(under="ignore")
def _sine(x: Floats, period: float, shift: float) -> Floats:
    """The sine of x and `shift` quarters of the period."""
    fraction, exponent = math.frexp(period)
    r = np.fmod(x, period) * math.ldexp(1.0, -exponent)
    halves = np.rint(r / (0.5 * fraction))
    r -= halves * (0.5 * fraction)
    quarters = np.rint(r / (0.25 * fraction))
    r -= quarters * (0.25 * fraction)
    quadrant = (2.0 * halves + quarters + (shift + TO_INTEGER)).view(np.int64)

    turn = _TWO_PI / Fraction(fraction)
    turn_high = round(turn * 2**22) / 2**22  # 26 bits, whose product with 26 bits is exact
    turn_low = float(turn - Fraction(turn_high))
    leading = (r.view(np.int64) & _LEADING).view(np.float64)
    high = leading * turn_high
    low = leading * turn_low + (r - leading) * (turn_high + turn_low)
    y = high + low
    tail = (high - y) + low

    square = y * y
    half = 0.5 * square
    rest = 1.0 - half
    sine_of_y = y + (y * _polynomial(square, _SINE) + tail * rest)
    cosine_of_y = rest + (((1.0 - rest) - half) + (square * _polynomial(square, _COSINE) - y * tail))
    value = np.where(quadrant & 1, cosine_of_y, sine_of_y)
    return np.where(quadrant & 2, 0.0 - value, 0.0 + value)


def _polynomial(z: Floats, coefficients: Sequence[float]) -> Floats:
    """The sum of coefficient times power of z, from the highest power down to the first."""
    first, *further = coefficients
    p: Floats = z * first
    for coefficient in further:
        p += coefficient
        p *= z
    return p
