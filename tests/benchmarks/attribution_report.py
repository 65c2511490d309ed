"""The figures of tests.benchmarks.explanations: the time of an order, the completeness error and the first reasons.

The completeness error is |base + sum c - logit| / (|base| + sum |c|), where c are the contributions of an order and base is the
logit of the mean order, whose z-scores are 0. The first reason of an order is its largest contribution over 0.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.attributions import Floats, Layers, logits
from tests.benchmarks.report import ratios

OURS, LOOP, GRADIENT = "this service", "loop over segments in NumPy", "gradient times input in NumPy"
DEFINITIONS = {
    OURS: "integrated gradients, exact",
    LOOP: "integrated gradients, exact",
    "captum.IntegratedGradients": "integrated gradients, 50 points",
    GRADIENT: "the gradient of the order alone",
    "shap.ExactExplainer": "Shapley values, exact",
    "shap.SamplingExplainer": "Shapley values, sampled",
}
HEAD = ["model", "method", "what it computes", "CPU an order, µs", f"{OURS} = 1", "completeness error", "other first reason"]


@dataclass(frozen=True, slots=True)
class Explained:
    """`contributions` (n, F), and CPU `seconds` for all orders in each round; or the `error` of a method that does not run."""

    contributions: Floats
    seconds: list[float]
    error: str = ""


def completeness_error(layers: Layers, zscores: Floats, contributions: Floats) -> float:
    """The largest one of these orders."""
    base = logits(layers, np.zeros((1, zscores.shape[1])))
    missed = base + contributions.sum(axis=1) - logits(layers, zscores)
    return float((np.abs(missed) / (np.abs(base) + np.abs(contributions).sum(axis=1))).max())


def first_reasons(contributions: Floats) -> np.ndarray[Any, Any]:
    """(n,): the feature with the largest contribution over 0, the first of equal ones; -1 if there is none."""
    return np.where(contributions.max(axis=1) > 0.0, contributions.argmax(axis=1), -1)


def rows(name: str, layers: Layers, zscores: Floats, by_name: dict[str, Explained]) -> Iterator[list[str]]:
    """The rows of a model, in the order of DEFINITIONS."""
    ours = by_name[OURS]
    for method, definition in DEFINITIONS.items():
        found = by_name[method]
        if found.error:
            yield [name, method, definition, "does not run", "", "", ""]
            continue
        seconds, times = statistics.median(found.seconds), statistics.median(ratios(found.seconds, ours.seconds))
        error = completeness_error(layers, zscores, found.contributions)
        other = np.mean(first_reasons(found.contributions) != first_reasons(ours.contributions))
        cells = short(seconds / len(zscores) * 1e6), short(times), f"{error:.0e}", f"{100 * other:.1f} %"
        yield [name, method, definition, *cells]


def short(number: float) -> str:
    return f"{number:,.{0 if number >= 100 else 1 if number >= 1 else 2}f}"
