"""The exponential function, by additions, multiplications and scalings that IEEE 754 defines to the last bit.

exp(x) = 2^k * exp(r) with k the integer nearest to x / ln 2 and r = x - k ln 2, so |r| <= 0.3466 (Cody and Waite, 1980).
ln 2 is taken in two parts; the first has so few bits that k times it is exact, and what rounding leaves of the second is
kept and added back. exp(r) is its Taylor polynomial of degree 13, whose remainder is below 2^-56. It uses no fused
operation, no library function and no table, so every processor, vector width and position in an array gives the same bits.

The error is below 1 ulp. The last sum 1 + p contributes 0.5 ulp; p is at most 0.415 in magnitude, and its own rounding, that
of the polynomial and that of the reduction together are below 0.45 ulp of the result. The tests see at most 0.90 ulp.
"""

import math
from collections.abc import Callable
from math import ldexp

import numpy as np

from model.core.batch import Floats

FEW = 12
"""Up to this many numbers, Python's float, which is the same IEEE 754, is faster than calls of NumPy."""

_LOWEST, _HIGHEST = -746.0, 710.0
_INVERSE = float.fromhex("0x1.71547652b82fep+0")  # 1 / ln 2
LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 31 bits of ln 2: exact times any |k| < 2^22
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
TO_INTEGER = 1.5 * 2.0**52  # adding and subtracting a number this large rounds to the nearest integer
_COEFFICIENTS = tuple(1.0 / math.factorial(n) for n in range(13, 1, -1))
_C13, _C12, _C11, _C10, _C9, _C8, _C7, _C6, _C5, _C4, _C3, _C2 = _COEFFICIENTS

# The same as arrays of no dimension: in an operation with an array, NumPy converts a float in each call.
_FIRST, *_FURTHER = map(np.array, _COEFFICIENTS)
_CONSTANTS = tuple(map(np.array, (_LOWEST, _HIGHEST, _INVERSE, TO_INTEGER, LN2_HIGH, LN2_LOW, 1.0, 0.5)))
_BITS_OF_ONE, _FRACTION_BITS = np.array(TO_INTEGER + 1023.0), np.array(52)


def exp(x: Floats) -> Floats:
    """e to the x, elementwise, for a float64 array of any shape. Monotonic.

    The error is below 1 ulp where the result is normal, and at most half the least subnormal larger below. The caller's
    np.errstate applies to overflow.
    """
    if x.size <= FEW:
        return each(exp_of_one, x)
    lowest, highest, inverse, to_integer, ln2_high, ln2_low, one, one_half = _CONSTANTS
    x = np.minimum(np.maximum(x, lowest), highest)
    k = x * inverse
    k += to_integer
    k -= to_integer
    high = x - k * ln2_high
    low = k * ln2_low
    r = high - low
    lost = high - r
    lost -= low
    p: Floats = r * _FIRST
    for coefficient in _FURTHER:
        p += coefficient
        p *= r
    p *= r
    p += lost
    p += r
    p += one
    half = np.floor(k * one_half)
    p *= _power_of_two(half)
    p *= _power_of_two(k - half)
    return p


def each(function: Callable[[float], float], x: Floats) -> Floats:
    """The array of function(value) for each value of x."""
    return np.array([function(value) for value in x.ravel().tolist()], np.float64).reshape(x.shape)


def exp_of_one(x: float) -> float:
    """The same for one number, by Python's float: in one expression, which takes half the time of a loop."""
    if not _LOWEST <= x <= _HIGHEST:
        if x != x:
            return x
        x = min(max(x, _LOWEST), _HIGHEST)
    k = (x * _INVERSE + TO_INTEGER) - TO_INTEGER
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    lost = (high - r) - low
    p = (((((r * _C13 + _C12) * r + _C11) * r + _C10) * r + _C9) * r + _C8) * r + _C7
    p = ((((p * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
    p = p * r * r + lost + r + 1.0
    half = int(k) // 2
    return p * ldexp(1.0, half) * ldexp(1.0, int(k) - half)


def _power_of_two(k: Floats) -> Floats:
    """2^k for integers k from -1022 to 1023: adding a number this large leaves k + 1023 in the lowest bits."""
    bits = (k + _BITS_OF_ONE).view(np.int64)
    bits <<= _FRACTION_BITS
    power: Floats = bits.view(np.float64)
    return power
