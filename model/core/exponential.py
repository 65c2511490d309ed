"""The exponential, made of additions, multiplications and scalings that IEEE 754 fixes to the last bit.

exp(x) = 2^k * exp(r) with k the integer nearest to x / ln 2 and r = x - k ln 2, so |r| <= 0.3466 (Cody and Waite, 1980).
ln 2 is taken in two parts; the first has so few bits that k times it is exact, and what rounding leaves of the second is
kept and added back. exp(r) is its Taylor polynomial of degree 13, whose remainder is below 2^-56. No fused operation, no
library function and no table takes part, so every processor, vector width and position in an array gives the same bits.

The error is below 1 ulp. Of the last sum 1 + p come 0.5 ulp; p is at most 0.415 in magnitude, and its own rounding, that of
the polynomial and of the reduction together stay below 0.45 ulp of the result; at most 0.90 is seen in the tests.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from model.core.batch import Floats

Some = TypeVar("Some", float, Floats)

FEW = 12
"""Up to so many numbers, Python's own float, which is the same IEEE 754, costs less than NumPy's calls."""

_LOWEST, _HIGHEST = -746.0, 710.0
_INVERSE = float.fromhex("0x1.71547652b82fep+0")  # 1 / ln 2
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 31 bits of ln 2: exact times any |k| < 2^22
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_TO_WHOLE = 1.5 * 2.0**52  # adding and taking away a number this large leaves the nearest whole number
_TO_LOWEST_BITS = _TO_WHOLE + 1023.0
_COEFFICIENTS = tuple(
    float.fromhex(text)
    for text in (
        "0x1.6124613a86d09p-33",
        "0x1.1eed8eff8d898p-29",
        "0x1.ae64567f544e4p-26",
        "0x1.27e4fb7789f5cp-22",
        "0x1.71de3a556c734p-19",
        "0x1.a01a01a01a01ap-16",
        "0x1.a01a01a01a01ap-13",
        "0x1.6c16c16c16c17p-10",
        "0x1.1111111111111p-7",
        "0x1.5555555555555p-5",
        "0x1.5555555555555p-3",
        "0x1.0000000000000p-1",
    )
)  # 1/13! down to 1/2!


def exp(x: Floats) -> Floats:
    """e to the x: error below 1 ulp where the result is normal, half of the least subnormal more below; never falling.

    Overflow is as silent or as loud as the caller's np.errstate.
    """
    if x.size <= FEW:
        return each(exp_of_one, x)
    p, k = _reduced(np.minimum(np.maximum(x, _LOWEST), _HIGHEST))
    half = np.floor(k * 0.5)
    p *= _power_of_two(half)
    p *= _power_of_two(k - half)
    return p


def each(function: Callable[[float], float], x: Floats) -> Floats:
    """The function of each number of x."""
    return np.array([function(value) for value in x.ravel().tolist()], np.float64).reshape(x.shape)


def exp_of_one(x: float) -> float:
    """The same for one number, of Python's own float."""
    if x != x:
        return x
    p, k = _reduced(min(max(x, _LOWEST), _HIGHEST))
    half = k // 2
    return p * math.ldexp(1.0, int(half)) * math.ldexp(1.0, int(k - half))


def _reduced(x: Some) -> tuple[Some, Some]:
    """exp(r) and k."""
    k = (x * _INVERSE + _TO_WHOLE) - _TO_WHOLE
    high = x - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    lost = (high - r) - low
    p = r * _COEFFICIENTS[0]
    for coefficient in _COEFFICIENTS[1:]:
        p += coefficient
        p *= r
    p *= r
    p += lost
    p += r
    p += 1.0
    return p, k


def _power_of_two(k: Floats) -> Floats:
    """2^k for whole k from -1022 to 1023: adding a number this large leaves k + 1023 in the lowest bits."""
    bits = (k + _TO_LOWEST_BITS).view(np.int64)
    bits <<= 52
    return bits.view(np.float64)
