"""The self-test of an imported model: orders that use each value of its inputs, with the scores that the model gives them.

Each order has the next value of each input, and after the last value the first again. A number has the mean of the feature that
is the number itself, or the middle of its range; one scale to each side of it; the ends of its range; and the numbers of which
a feature is an indicator. A category has its values. The second value of an input that an order may lack is that it is missing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import cycle, islice

import numpy as np

from model.core.encoding import encoded
from model.core.manifest import CATEGORY, Feature, Input, SelfTest, Value
from model.core.risk_model import RiskModel
from model.errors import NotFinite

_FEWEST, _MOST_NUMBERS = 5, 2**12  # orders; orders times the width of the model


def of_model(model: RiskModel) -> SelfTest:
    """The self-test of this model.

    Raises NotFinite with the array whose numbers overflow, rather than the self-test made of them.
    """
    inputs, features = model.manifest.inputs, model.manifest.features
    standard = zip(model.standardizer.mean.tolist(), model.standardizer.scale.tolist(), strict=True)
    standards = {each.of: at for each, at in zip(features, standard, strict=True) if each.function == "number"}
    made: Mapping[str, list[Feature]] = defaultdict(list)
    for feature in features:
        made[feature.of].append(feature)
    columns = [_values(each, made[each.name], standards.get(each.name)) for each in inputs]
    most = max(_FEWEST, _MOST_NUMBERS // max(len(inputs), *model.network.sizes))
    count = min(most, max(map(len, columns)))
    rows = tuple(islice(zip(*map(cycle, columns), strict=True), count))
    orders = encoded(inputs, rows)
    with np.errstate(all="ignore"):
        zscores = model.standardizer(model.features(orders))
        steps = list(model.network.forward(zscores))
        outputs = model.head(steps[-1].activations)
    if not np.isinf(orders).any() and np.isfinite(outputs).all():
        return SelfTest(rows, tuple(map(tuple, outputs.tolist())))
    where = "the mean, one scale to each side of it or an end of the range"
    for feature, column in zip(features, zscores.T, strict=True):
        if not np.isfinite(column).all():
            raise NotFinite("scale", f"feature {feature.name} has no finite z-score at {where}")
    first = next(number for number, step in enumerate(steps, 1) if not np.isfinite(step.pre_activations).all())
    raise NotFinite(f"w{first}", f"too large: sums of this layer are not finite at {where}")


def _values(of: Input, made: Sequence[Feature], standard: tuple[float, float] | None) -> Sequence[Value]:
    """The values of this input, of which these features are made; `standard` is the mean and scale of the number itself."""
    first, *further = of.values if of.kind == CATEGORY else _numbers(of, made, standard)
    return [first, None, *further] if of.optional else [first, *further]


def _numbers(of: Input, made: Sequence[Feature], standard: tuple[float, float] | None) -> Sequence[float]:
    ends = [end for end in (of.minimum, of.maximum) if end is not None]
    mean, scale = standard or (sum(end / len(ends) for end in ends), 0.0)
    low, high = (mean if end is None else end for end in (of.minimum, of.maximum))
    indicated = [float(value) for each in made for value in each.values]
    numbers = [mean, mean - scale, mean + scale, low, high, *indicated]
    if all(each.function != "log1p" for each in made):
        return numbers
    return [number for number in numbers if number > -1.0] or [0.0]
