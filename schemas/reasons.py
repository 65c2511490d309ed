"""Reasons: the inputs that raise the risk of an order, in words. They repeat no value but a category that the model knows."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise

import numpy as np

from model.core.batch import Floats, Positions
from model.core.manifest import CATEGORY, Feature, Input
from model.core.risk_model import RiskModel
from schemas.explanation import MOST_REASONS, Reason

_MISSING, _ZERO = 0, 2
"""Where the texts of an input have a missing value, and the first value of a category or a number equal to its mean.

Before _ZERO is an unknown category, or a number below its mean. After it are the other values, or a number above its mean.
"""


_FEW = 4  # up to so many orders, Python's lists take less time than NumPy's arrays


class ReasonWriter:
    """Writes the reasons of the orders of one model."""

    def __init__(self, model: RiskModel) -> None:
        inputs = model.manifest.inputs
        self._mean_of = typical_values(model)
        self._words_of = list(map(_words, inputs))
        self._begins = np.array([*accumulate(map(len, self._words_of), initial=0)][:-1])
        self._words = [np.array(column, np.object_) for column in zip(*chain(*self._words_of), strict=True)]
        self._is_category = np.array([each.kind == CATEGORY for each in inputs])
        self._has_mean = np.array([mean is not None for mean in self._mean_of])
        self._means = np.array([mean or 0.0 for mean in self._mean_of])

    def reasons(self, x: Floats, contributions: Floats) -> list[list[Reason]]:
        """The reasons of n orders x (n, I), encoded, whose inputs have these contributions (n, I)."""
        if len(x) <= _FEW:
            return list(map(self._reasons, x.tolist(), contributions.tolist()))
        orders, raises = np.arange(len(x)), (contributions > 0.0) & (contributions < np.inf)
        left = np.where(raises, contributions, 0.0)
        inputs = np.empty((len(x), min(MOST_REASONS, x.shape[1])), np.intp)
        amounts = np.empty(inputs.shape)
        for rank in range(inputs.shape[1]):  # argmax takes the first of equal ones
            inputs[:, rank] = left.argmax(axis=1)
            amounts[:, rank] = left[orders, inputs[:, rank]]
            left[orders, inputs[:, rank]] = 0.0
        raising, ranks = amounts.nonzero()
        inputs = inputs[raising, ranks]
        words = self._begins[inputs] + self._kinds(inputs, x[raising, inputs])
        names, sides, texts = (column[words].tolist() for column in self._words)
        found = list(map(Reason, names, amounts[raising, ranks].tolist(), sides, texts))
        ends = np.searchsorted(raising, orders, "right").tolist()
        return [found[begin:end] for begin, end in pairwise((0, *ends))]

    def _reasons(self, values: list[float], contributions: list[float]) -> list[Reason]:
        """The reasons of one order."""
        inputs = [at for at, amount in enumerate(contributions) if 0.0 < amount < math.inf]
        inputs.sort(key=contributions.__getitem__, reverse=True)  # inputs of equal contributions keep their order
        found = []
        for at in inputs[:MOST_REASONS]:
            name, side, text = self._words_of[at][self._kind(at, values[at])]
            found.append(Reason(name, contributions[at], side, text))
        return found

    def _kind(self, at: int, value: float) -> int:
        """Where the texts of an input have its value."""
        mean = self._mean_of[at]
        if math.isnan(value):
            return _MISSING
        if self._is_category[at]:
            return int(value) + _ZERO
        return _ZERO if mean is None else _ZERO + (value > mean) - (value < mean)

    def _kinds(self, inputs: Positions, values: Floats) -> Positions:
        """(n,): the same for each of n inputs and its value."""
        signs = np.sign(values - self._means[inputs]) * self._has_mean[inputs]
        kinds = np.where(self._is_category[inputs], values, signs) + _ZERO
        found: Positions = np.fmax(kinds, _MISSING).astype(np.intp)  # NaN is a missing value
        return found


def typical_values(model: RiskModel) -> list[float | None]:
    """The mean of each input in the training data, None where it is no number that is a feature as it is."""
    means = list(zip(model.manifest.features, model.standardizer.mean.tolist(), strict=True))
    return [_mean([(of, mean) for of, mean in means if of.of == each.name]) for each in model.manifest.inputs]


def _words(of: Input) -> list[tuple[str, str | None, str]]:
    """The name of an input, and the side and the text of each kind of its values."""
    kinds: list[tuple[str | None, str]]
    if of.kind == CATEGORY:
        kinds = [(None, text) for text in ("missing", "unknown", *of.values)]
    else:
        kinds = [(None, "missing"), ("below", "below typical"), (None, ""), ("above", "above typical")]
    return [(of.name, side, f"{of.name} {text}" if text else of.name) for side, text in kinds]


def _mean(made: Sequence[tuple[Feature, float]]) -> float | None:
    """The mean of an input by its features and their means, if a number that is given feeds one plain feature."""
    given = [(each, mean) for each, mean in made if each.function != "missing"]
    return given[0][1] if len(given) == 1 and given[0][0].function == "number" else None


@lru_cache(maxsize=1)
def writer_of(model: RiskModel) -> ReasonWriter:
    """The writer of reasons for this model."""
    return ReasonWriter(model)
