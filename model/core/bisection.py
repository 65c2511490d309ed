"""Bisection: the neighbours in float64 between which a condition becomes true, for many intervals at once.

The numbers are bisected as integers in the same order, so 64 steps are enough for any interval. An expected point, which is
mostly a few numbers off, saves most of them.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from model.core.batch import Flags, Floats, Positions

_Integers: TypeAlias = npt.NDArray[np.int64]

_AROUND = (2**4, 2**9, 2**24)  # how many numbers below and above the expected point are tried
_SIGN = np.iinfo(np.int64).min


def bisected(
    low: Floats, high: Floats, expected: Floats, beyond: Callable[[Positions, Floats], Flags]
) -> tuple[Floats, Floats]:
    """Two neighbours (n,) between each low and high (n,), of which the upper is `beyond` and the lower is not.

    `beyond` takes the positions of intervals and a number in each. It is False at low and True at high. In between it may
    change several times. An interval gets the same result with any others. `expected` may be any number or NaN.
    """
    below, above, near = _ordered(low), _ordered(high), _ordered(expected)

    def probe(wide: Positions, integers: _Integers) -> None:
        integers = np.clip(integers, below[wide] + 1, above[wide] - 1)
        passed = beyond(wide, _numbers(integers))
        above[wide[passed]], below[wide[~passed]] = integers[passed], integers[~passed]

    for offset in (sign * each for each in _AROUND for sign in (-1, 1)):
        wide = np.flatnonzero(below + 2 * abs(offset) < above)
        probe(wide, near[wide] + offset)
    while len(wide := np.flatnonzero(below + 1 < above)):
        # The mean, rounded down. The sum itself may overflow.
        probe(wide, (below[wide] >> 1) + (above[wide] >> 1) + (below[wide] & above[wide] & 1))
    return _numbers(below), _numbers(above)


def _ordered(numbers: Floats) -> _Integers:
    """Integers in the order of these numbers. Neighbours differ by 1, and 0.0 and -0.0 are the same."""
    bits = numbers.view(np.int64)
    return np.where(bits < 0, _SIGN - bits, bits)


def _numbers(ordered: _Integers) -> Floats:
    """The numbers of these ordered integers."""
    return np.where(ordered < 0, _SIGN - ordered, ordered).view(np.float64)
