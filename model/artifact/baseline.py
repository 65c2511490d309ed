"""The entry `reference` of a manifest: the baseline that monitoring compares with.

    {"orders": 2000, "review": 214,
     "scores": {"edges": [0.05, 0.1, …, 1.0], "counts": [0, 31, …]},
     "zscores": {"backlog": {"edges": [-10.0, -5.0, …, 10.0], "counts": [0, 2, …]}, …},
     "calibration": [{"to": 0.1, "orders": 31, "mean_score": 0.0712, "observed_rate": 0.0645…}, …],
     "inputs": {"backlog": {"missing": 31}, "carrier": {"missing": 4, "unknown": 2, "counts": {"AA": 1200, "UA": 794}}, …}}

`review` of the orders go to review. The first count of a histogram is of the values up to the first edge, each further count
of the values over one edge and up to the next, the last count of the values over all edges. `calibration` has a row for each
bin of the scores that contains orders; it is optional. The edges must be those of the service's own histograms: with any
others, nothing could be compared.

`inputs` has an entry for each input that an order may lack or that is a category; there is none without such inputs. `missing`
of the orders lack it, where they may; `unknown` have a category that is none of its values, where they may; `counts` has how
many have each of the values of a category.
"""

from collections.abc import Sequence
from typing import Any

from model.artifact import checks
from model.artifact.checks import Check
from model.core.manifest import (
    MOST_ORDERS,
    NONE,
    SCORE_EDGES,
    ZSCORE_EDGES,
    Baseline,
    Calibration,
    Histogram,
    Input,
    InputCounts,
)
from model.errors import BadManifest

_LOWER_EDGES = dict(zip(SCORE_EDGES, (0.0, *SCORE_EDGES[:-1]), strict=True))
_orders, _count, _share = checks.number(1, MOST_ORDERS, int), checks.number(0, MOST_ORDERS, int), checks.number(0, 1)
_numbers, _counts = checks.list_of(checks.number()), checks.list_of(_count)
_row = checks.object_of(Calibration, {"to": _share, "orders": _orders, "mean_score": _share, "observed_rate": _share})


def checked(value: Any, location: str, features: Sequence[str], inputs: Sequence[Input]) -> Baseline:
    """The baseline in this entry of a model with these features and inputs, in their order. Raises BadManifest."""
    zscores = checks.object_of(dict, dict.fromkeys(features, _histogram(ZSCORE_EDGES)), names="the features")
    required = {"orders": _orders, "review": _count, "scores": _histogram(SCORE_EDGES), "zscores": zscores}
    if counted := {each.name: _input(each) for each in inputs if each.optional or each.values}:
        required["inputs"] = checks.object_of(dict, counted, names="the inputs that may be missing or are categories")
    found: Baseline = checks.object_of(Baseline, required, {"calibration": checks.list_of(_row)})(value, location)
    if found.review > found.orders:
        raise BadManifest(f"{location}.review", "more than the orders")
    histograms = {"scores": found.scores, **{f"zscores.{name}": each for name, each in found.zscores.items()}}
    for name, each in histograms.items():
        if len(each.counts) != len(each.edges) + 1 or sum(each.counts) != found.orders:
            raise BadManifest(f"{location}.{name}.counts", "expected one more than the edges, which add up to the orders")
    if found.scores.counts[-1]:
        raise BadManifest(f"{location}.scores.counts", "has scores over 1")
    for name, counts in found.inputs.items():
        total = (counts.missing or 0) + (counts.unknown or 0) + sum(counts.counts.values())
        if total > found.orders or (counts.counts and total < found.orders):
            raise BadManifest(f"{location}.inputs.{name}", "its counts do not add up to the orders")
    if found.calibration:
        _require_calibrated(found, f"{location}.calibration")
    return found


def _histogram(edges: tuple[float, ...]) -> Check:
    def check(value: Any, location: str) -> tuple[float, ...]:
        if _numbers(value, location) != edges:
            raise BadManifest(location, "not the edges of the service's histograms")
        return edges  # A file may have -0.0, which is equal to 0.0 but is another label.

    return checks.object_of(Histogram, {"edges": check, "counts": _counts})


def _input(of: Input) -> Check:
    """The check of the counts of this input."""
    fields = {
        "missing": (of.optional, _count),
        "unknown": (of.unknown == NONE, _count),
        "counts": (bool(of.values), _by_value(of.values)),
    }
    return checks.object_of(InputCounts, {name: check for name, (given, check) in fields.items() if given})


def _by_value(values: Sequence[str]) -> Check:
    def check(value: Any, location: str) -> dict[str, int]:
        if not isinstance(value, dict) or value.keys() != set(values):
            raise BadManifest(location, "expected an object with a count for each of the values of the input")
        return dict(zip(values, _counts([value[each] for each in values], location), strict=True))

    return check


def _require_calibrated(found: Baseline, location: str) -> None:
    """Raise BadManifest unless there is a row for each bin that contains orders, with numbers that are possible in it."""
    expected = [(to, count) for to, count in zip(SCORE_EDGES, found.scores.counts[:-1], strict=True) if count]
    if [(row.to, row.orders) for row in found.calibration] != expected:
        raise BadManifest(location, "its rows are not those of the bins of `scores` that contain orders")
    for number, row in enumerate(found.calibration):
        if not _LOWER_EDGES[row.to] <= row.mean_score <= row.to:
            raise BadManifest(f"{location}[{number}].mean_score", "outside its bin")
        if round(row.observed_rate * row.orders) / row.orders != row.observed_rate:
            raise BadManifest(f"{location}[{number}].observed_rate", "not a fraction of its orders")
