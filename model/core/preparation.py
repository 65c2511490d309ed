"""Preparation: the features that the network takes, made of the inputs that an order holds."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model.core.batch import Floats
from model.core.encoding import encoder
from model.core.functions import cosine, log1p, sine
from model.core.manifest import Feature, Input

_Column: TypeAlias = npt.NDArray[Any]
_Make: TypeAlias = Callable[[Floats, Floats], _Column]
"""Makes a feature (n,) of a column as it is given, and of the same with missing values replaced."""


def _is(feature: Feature, of: Input) -> _Make:
    wanted = encoder(of)(feature.values).tolist()
    return lambda _, filled: reduce(np.logical_or, [filled == one for one in wanted])


def _of_period(function: Callable[[Floats, float], Floats], feature: Feature) -> _Make:
    period = feature.period or 1.0
    return lambda _, filled: function(filled, period)


_FUNCTIONS: dict[str, Callable[[Feature, Input], _Make]] = {
    "number": lambda feature, of: lambda _, filled: filled,
    "is": _is,
    "missing": lambda feature, of: lambda given, _: np.isnan(given),
    "log1p": lambda feature, of: lambda _, filled: log1p(np.where(filled > -1.0, filled, np.nan)),
    "sin": lambda feature, of: _of_period(sine, feature),
    "cos": lambda feature, of: _of_period(cosine, feature),
}


class Preparation:
    """Makes these features of these inputs, all orders at once."""

    def __init__(self, inputs: Sequence[Input], features: Sequence[Feature]) -> None:
        at = {each.name: number for number, each in enumerate(inputs)}
        self._fills = [None if each.missing is None else encoder(each)([each.missing]) for each in inputs]
        self._makes = [(at[each.of], _FUNCTIONS[each.function](each, inputs[at[each.of]])) for each in features]

    def __call__(self, x: Floats) -> Floats:
        """(n, F) features of x (n, I), encoded as in encoding.py. NaN is the log1p of -1 or less."""
        columns = [
            (column, column if fill is None else np.where(np.isnan(column), fill, column))
            for column, fill in zip(x.T, self._fills, strict=True)
        ]
        features = np.empty((len(self._makes), len(x)))
        for row, (at, make) in zip(features, self._makes, strict=True):
            row[:] = make(*columns[at])
        return features.T
