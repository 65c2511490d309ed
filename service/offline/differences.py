"""What differs between two models, without orders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from model.core.risk_model import RiskModel
from schemas.names import listed


class Difference(NamedTuple):
    """The `name` of what differs, such as threshold, feature or w1, and how it does."""

    name: str
    text: str


def differences(first: RiskModel, second: RiskModel) -> Iterator[Difference]:
    """What differs in threshold, network, features, weights and baseline. Features are compared by their names.

    Weights of layers with other shapes are not compared, nor those of the first layer if it takes other features.
    """
    facts = _facts(second)
    yield from (Difference(name, f"{fact} -> {facts[name]}") for name, fact in _facts(first).items() if fact != facts[name])
    names, others = first.manifest.feature_names, second.manifest.feature_names
    if set(names) != set(others):
        yield Difference("features", only(names, others))
    elif names != others:
        yield Difference("features", "the same in another order")
    by_name = _features(second)
    for name, entries in _features(first).items():
        other = by_name.get(name, entries)
        if changed := [f"{key} {entry} -> {other[key]}" for key, entry in entries.items() if entry != other[key]]:
            yield Difference("feature", f"{name}: {', '.join(changed)}")
    yield from _weights(first, second)
    before, after = first.manifest.baseline, second.manifest.baseline
    if before != after:
        texts = [f"{each.orders} orders, {each.review} to review" if each else "none" for each in (before, after)]
        yield Difference("baseline", " -> ".join(texts) if texts[0] != texts[1] else f"{texts[0]} in both, other counts")


def only(names: Sequence[str], others: Sequence[str]) -> str:
    """Which features model A alone has, and which model B."""
    return f"only A has {_missing(names, others)}, only B has {_missing(others, names)}"


def _missing(names: Sequence[str], others: Sequence[str]) -> str:
    return listed([name for name in names if name not in others]) or "none"


def _facts(model: RiskModel) -> dict[str, str]:
    return {
        "threshold": str(model.manifest.threshold),
        "network": "-".join(map(str, model.network.sizes)),
        "activations": ", ".join(model.manifest.activations),
        "head": model.manifest.head,
    }


def _features(model: RiskModel) -> dict[str, dict[str, str]]:
    numbers = zip(model.manifest.features, model.standardizer.mean.tolist(), model.standardizer.scale.tolist(), strict=True)
    return {
        each.name: {
            "unit": repr(each.unit),
            "minimum": "none" if each.minimum is None else str(each.minimum),
            "maximum": "none" if each.maximum is None else str(each.maximum),
            "mean": str(mean),
            "scale": str(scale),
        }
        for each, mean, scale in numbers
    }


def _weights(first: RiskModel, second: RiskModel) -> Iterator[Difference]:
    names, others = first.manifest.feature_names, second.manifest.feature_names
    columns = [others.index(name) for name in names] if set(names) == set(others) else None
    for number, (layer, other) in enumerate(zip(first.network.layers, second.network.layers, strict=False), 1):
        weights = other.weights if number > 1 else other.weights[:, columns or []]
        for name, before, after in ((f"w{number}", layer.weights, weights), (f"b{number}", layer.bias, other.bias)):
            if before.shape == after.shape and (before != after).any():
                with np.errstate(over="ignore"):
                    largest = float(np.abs(before - after).max())
                count = np.count_nonzero(before != after)
                yield Difference(name, f"{count} of {before.size} numbers differ, by at most {largest}")
