"""Described inputs: what a model takes, and how the orders of its baseline are distributed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, inf, log10

from model.core.manifest import Baseline, Feature, Histogram, Input
from model.core.risk_model import RiskModel
from service.ui.texts import number

_DIGITS, _LARGE, _MOST_DECIMALS = 4, 1e6, 6
_MOST_PARTS = 30


@dataclass(frozen=True, slots=True)
class Part:
    """The `share` of the baseline's orders with a value that the `text` describes."""

    text: str
    share: float


@dataclass(frozen=True, slots=True)
class DescribedInput:
    """An input, and of the baseline's orders the shares by part, those that lack it and those with an unknown category.

    The parts of a number are bins of one width in its scale, but for the outer ones; `mean` is where the middle one begins.
    Of a category they are its values. There are none for a number that is no feature as it is. `made` are the
    features that are made of a number.
    Beyond the `parts` there are `more` values, with the share `others`.
    """

    input: Input
    parts: Sequence[Part] = ()
    mean: float | None = None
    made: Sequence[str] = ()
    missing: float | None = None
    unknown: float | None = None
    more: int = 0
    others: float = 0.0

    @property
    def largest(self) -> Part | None:
        """The part with the largest share."""
        return max(self.parts, key=lambda part: part.share, default=None)


def described_inputs(model: RiskModel) -> list[DescribedInput]:
    """The inputs of this model, in their order."""
    manifest, standardizer = model.manifest, model.standardizer
    numbers = zip(manifest.features, standardizer.mean.tolist(), standardizer.scale.tolist(), strict=True)
    plain = {each.of: (each, mean, scale) for each, mean, scale in numbers if each.function == "number"}
    return [_described(of, manifest.features, plain.get(of.name), manifest.baseline) for of in manifest.inputs]


def _described(
    of: Input, features: Sequence[Feature], plain: tuple[Feature, float, float] | None, baseline: Baseline | None
) -> DescribedInput:
    others = [each.made_of for each in features if each.of == of.name and each.function != "number"]
    made = [] if of.values else others
    mean = None if plain is None else plain[1]
    if baseline is None:
        return DescribedInput(of, (), mean, made)
    counts = baseline.inputs.get(of.name)
    missing, unknown = (
        None if count is None else count / baseline.orders
        for count in ((counts.missing, counts.unknown) if counts is not None else (None, None))
    )
    if counts is not None and counts.counts:
        parts = [Part(value, count / baseline.orders) for value, count in counts.counts.items()]
        if len(parts) > _MOST_PARTS:
            parts.sort(key=lambda part: -part.share)
        rest = parts[_MOST_PARTS:]
        return DescribedInput(
            of, parts[:_MOST_PARTS], None, made, missing, unknown, len(rest), sum(part.share for part in rest)
        )
    if plain is None:
        return DescribedInput(of, (), None, made, missing, unknown)
    feature, mean, scale = plain
    return DescribedInput(of, [*_bins(baseline.zscores[feature.name], mean, scale)], mean, made, missing, unknown)


def _bins(zscores: Histogram, mean: float, scale: float) -> Iterator[Part]:
    """The shares of z-scores, by what they are in the unit of the input."""
    total = sum(zscores.counts)
    for (low, high), count in zip(pairwise((-inf, *zscores.edges, inf)), zscores.counts, strict=True):
        below, above = (_edge(mean + scale * edge, scale) for edge in (low, high))
        text = f"up to {above}" if low == -inf else f"over {below}" if high == inf else f"{below} to {above}"
        yield Part(text, count / total)


def _edge(value: float, scale: float) -> str:
    """An edge, with a digit more than its distance to the next one needs."""
    decimals = 1 - floor(log10(scale))
    return f"{value:z,.{max(0, decimals)}f}" if abs(value) < _LARGE and decimals <= _MOST_DECIMALS else number(value, _DIGITS)
