"""What differs between two models, without orders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from model.core.manifest import Input, Manifest
from model.core.risk_model import RiskModel
from schemas.names import listed

COMPARED = "threshold, network, inputs, features, context, accepted names, weights and baseline"


class Difference(NamedTuple):
    """The `name` of what differs, such as threshold, feature or w1, and how it does."""

    name: str
    text: str


def differences(first: RiskModel, second: RiskModel) -> Iterator[Difference]:
    """What differs in what is COMPARED.

    Inputs and features are compared by their names. Weights of layers with other shapes are not compared, nor those of the
    first layer if it takes other features.
    """
    facts = _facts(second)
    yield from (Difference(name, f"{fact} -> {facts[name]}") for name, fact in _facts(first).items() if fact != facts[name])
    for what, (names, others) in _names(first.manifest, second.manifest).items():
        if set(names) != set(others):
            yield Difference(what, only(names, others))
        elif what == "features" and names != others:
            yield Difference(what, "the same in another order")
    described = _described(second)
    for (what, name), entries in _described(first).items():
        other = described.get((what, name), {})
        if changed := [
            f"{key} {entries[key]} -> {other[key]}" for key in entries if entries[key] != other.get(key, entries[key])
        ]:
            yield Difference(what, f"{name}: {', '.join(changed)}")
    yield from _weights(first, second)
    before, after = first.manifest.baseline, second.manifest.baseline
    if before != after:
        texts = [f"{each.orders} orders, {each.review} to review" if each else "none" for each in (before, after)]
        yield Difference("baseline", " -> ".join(texts) if texts[0] != texts[1] else f"{texts[0]} in both, other counts")


def only(names: Sequence[str], others: Sequence[str]) -> str:
    """Which of these names model A alone has, and which model B."""
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


def _names(first: Manifest, second: Manifest) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """The names that both have, by what they are names of; those of inputs where a model makes other features of them."""
    inputs, features = (first.input_names, second.input_names), (first.feature_names, second.feature_names)
    return {
        **({} if inputs == features else {"inputs": inputs}),
        "features": features,
        "context": (first.context_names, second.context_names),
        "accepts": (first.also_accepts, second.also_accepts),
    }


def _described(model: RiskModel) -> dict[tuple[str, str], dict[str, str]]:
    """What is said of each input, feature and context, of an input that is a feature as it is among the features."""
    numbers = zip(model.manifest.features, model.standardizer.mean.tolist(), model.standardizer.scale.tolist(), strict=True)
    features = {each.name: {"mean": str(mean), "scale": str(scale), "made of": each.made_of} for each, mean, scale in numbers}
    plain = {each.of for each in model.manifest.features if each.is_input}
    found = {("feature", name): entries for name, entries in features.items()}
    for each in model.manifest.inputs:
        key = ("feature" if each.name in plain else "input", each.name)
        found[key] = _of_input(each) | found.get(key, {})
    return found | {("context", each.name): {"values": ", ".join(each.values)} for each in model.manifest.context}


def _of_input(each: Input) -> dict[str, str]:
    entries = {name: getattr(each, name) for name in ("minimum", "maximum", "missing", "kind", "unknown", "actionable")}
    texts = {name: "none" if entry is None else str(entry) for name, entry in entries.items()}
    return {"unit": repr(each.unit), **texts, "values": ", ".join(each.values) or "none"}


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
