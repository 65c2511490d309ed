"""Encoding: the values of an input as numbers.

A number is itself. A category is the index of its value, or UNKNOWN if it is none of them. A value that is missing is NaN.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import accumulate, count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model.core.batch import Flags, Floats
from model.core.manifest import CATEGORY, NONE, Input, Value

UNKNOWN = -1.0

Encode: TypeAlias = Callable[[Sequence[Any]], Floats]
"""Makes numbers (n,) of a column of n values. Raises KeyError for a category that the input does not take."""


class _Codes(dict[Hashable, float]):
    """The code of each value, and of each other hashable value UNKNOWN."""

    def __missing__(self, value: Hashable) -> float:
        return UNKNOWN


def encoder(of: Input, missing: Iterable[Hashable] = (None,)) -> Encode:
    """The function that encodes a column of this input, in which these values stand for a missing one."""
    if of.kind != CATEGORY:
        return lambda column: np.array(column, np.float64)
    table: dict[Hashable, float] = _Codes() if of.unknown == NONE else {}
    table.update((value, float(code)) for code, value in enumerate(of.values))
    if of.optional:
        table.update(dict.fromkeys(missing, np.nan))
    look_up = table.__getitem__
    return lambda column: np.array([*map(look_up, column)], np.float64)


def is_missing(x: Floats) -> Flags:
    """(n, I): True where a value of x (n, I) is missing."""
    return np.isnan(x)


def is_unknown(inputs: Sequence[Input], x: Floats) -> Flags:
    """(n, I): True where a category of x (n, I) is none of the values of its input."""
    flagged: Flags = (x == UNKNOWN) & np.array([each.kind == CATEGORY for each in inputs])
    return flagged


def value_counts(categories: Sequence[Input], x: Floats) -> npt.NDArray[np.intp]:
    """How many of the encoded rows of x (n, C) have each value of these C categories: those of the first, then the next."""
    ends = list(accumulate((len(each.values) for each in categories), initial=0))
    codes = x + ends[:-1]
    return np.bincount(codes[x >= 0.0].astype(np.intp), minlength=ends[-1])


def encoded(inputs: Sequence[Input], rows: Sequence[Sequence[Value]]) -> Floats:
    """(n, I) numbers of n rows of I values. Raises KeyError, and ValueError where a value is of another kind."""
    matrix = np.empty((len(rows), len(inputs)))
    for at, (each, column) in enumerate(zip(inputs, zip(*rows, strict=True), strict=True)):
        kinds = {isinstance(value, str) for value in column if value is not None}
        if not kinds <= {each.kind == CATEGORY} or (None in column and not each.optional):
            raise ValueError
        matrix[:, at] = encoder(each)(column)
    return matrix


def decoded(inputs: Sequence[Input], x: Floats) -> list[tuple[Value, ...]]:
    """The n rows of I values that are encoded as x (n, I). UNKNOWN becomes a text that is none of the values."""
    return list(zip(*map(_decoded, inputs, x.T.tolist()), strict=True))


def _decoded(of: Input, column: Sequence[float]) -> list[Value]:
    if of.kind != CATEGORY:
        return [None if math.isnan(number) else number for number in column]
    unknown = next(text for text in map("unknown {}".format, count(1)) if text not in of.values)
    texts = (*of.values, unknown)  # the index UNKNOWN is that of the last
    return [None if math.isnan(code) else texts[int(code)] for code in column]
