"""Reasons: the inputs that raise the risk of an order, in words. They repeat no value but a category that the model knows."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise

import numpy as np
import numpy.typing as npt

from model.core.batch import Floats
from model.core.manifest import CATEGORY, Feature, Input
from model.core.risk_model import RiskModel
from schemas.explanation import MOST_REASONS, Reason

_MISSING, _ZERO = 0, 2
"""Where the texts of an input have a missing value, and the first value of a category or a number equal to its mean.

Before _ZERO is an unknown category, or a number below its mean. After it are the other values, or a number above its mean.
"""


class ReasonWriter:
    """Writes the reasons of the orders of one model."""

    def __init__(self, model: RiskModel) -> None:
        inputs, features = model.manifest.inputs, model.manifest.features
        kinds = list(map(_words, inputs))
        self._begins = np.array([*accumulate(map(len, kinds), initial=0)][:-1])
        self._words = [np.array(column, np.object_) for column in zip(*chain(*kinds), strict=True)]
        self._is_category = np.array([each.kind == CATEGORY for each in inputs])
        means = list(zip(features, model.standardizer.mean.tolist(), strict=True))
        found = [_mean([(of, mean) for of, mean in means if of.of == each.name]) for each in inputs]
        self._has_mean = np.array([mean is not None for mean in found])
        self._means = np.array([mean or 0.0 for mean in found])

    def reasons(self, x: Floats, contributions: Floats) -> list[list[Reason]]:
        """The reasons of n orders x (n, I), encoded, whose inputs have these contributions (n, I)."""
        inputs = (-contributions).argsort(axis=1, kind="stable")[:, :MOST_REASONS]
        at = (np.arange(0, x.size, x.shape[1])[:, np.newaxis] + inputs).ravel()
        amounts = contributions.ravel()[at]
        (raising,) = (amounts > 0.0).nonzero()
        inputs, at = inputs.ravel()[raising], at[raising]
        words = self._begins[inputs] + self._kinds(inputs, x.ravel()[at])
        names, sides, texts = (column[words].tolist() for column in self._words)
        found = list(map(Reason, names, amounts[raising].tolist(), sides, texts))
        ends = np.searchsorted(at, np.arange(x.shape[1], x.size + 1, x.shape[1])).tolist()
        return [found[begin:end] for begin, end in pairwise((0, *ends))]

    def _kinds(self, inputs: npt.NDArray[np.intp], values: Floats) -> npt.NDArray[np.intp]:
        """(n,): where the texts of each of n inputs have its value."""
        signs = np.sign(values - self._means[inputs]) * self._has_mean[inputs]
        kinds = np.where(self._is_category[inputs], values, signs) + _ZERO
        found: npt.NDArray[np.intp] = np.fmax(kinds, _MISSING).astype(np.intp)  # NaN is a missing value
        return found


def _words(of: Input) -> list[tuple[str, str | None, str]]:
    """The name of an input, and the side and the text of each kind of its values."""
    kinds: list[tuple[str | None, str]]
    if of.kind == CATEGORY:
        kinds = [(None, text) for text in ("missing", "unknown", *of.values)]
    else:
        kinds = [(None, "missing"), ("below", "below typical"), (None, ""), ("above", "above typical")]
    return [(of.name, side, f"{of.name} {text}".rstrip()) for side, text in kinds]


def _mean(made: Sequence[tuple[Feature, float]]) -> float | None:
    """The mean of an input by its features and their means, if a number that is given feeds one plain feature."""
    given = [(each, mean) for each, mean in made if each.function != "missing"]
    return given[0][1] if len(given) == 1 and given[0][0].function == "number" else None


@lru_cache(maxsize=4)
def writer_of(model: RiskModel) -> ReasonWriter:
    """The writer of reasons for this model."""
    return ReasonWriter(model)
