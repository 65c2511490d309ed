"""Reference: how the scores and features of known orders lie, kept in a model's file for monitoring to compare with.

    {"orders": 2000, "review": 214,
     "scores": {"edges": [0.05, 0.1, …, 1.0], "counts": [0, 31, …]},
     "zscores": {"backlog": {"edges": [-10.0, -5.0, …, 10.0], "counts": [0, 2, …]}, …},
     "calibration": [{"to": 0.1, "orders": 31, "mean_score": 0.0712, "observed_rate": 0.0645…}, …]}

`review` of the orders go to review. A histogram counts the orders over one edge and up to the next, at first those up to
the first edge, at last those over all edges. `calibration`, a row for each bin of the scores that holds orders, may be
left out. The edges are those by which the service counts; by any other nothing could be compared, so they are refused.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from model.artifact import checks
from model.artifact.checks import Check
from model.core.baseline import MOST_ORDERS, SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram
from model.errors import BadManifest


def checked(value: Any, place: str, features: Sequence[str]) -> Baseline:
    """The reference of a model with these features, from its entry. Raises BadManifest."""
    entry = _reference(value, place)
    found = Baseline(**entry | {"zscores": _by_feature(entry["zscores"], f"{place}.zscores", features)})
    if found.review > found.orders:
        raise BadManifest(f"{place}.review", "more than there are orders")
    histograms = {"scores": found.scores, **{f"zscores.{name}": each for name, each in found.zscores.items()}}
    for name, histogram in histograms.items():
        if sum(histogram.counts) != found.orders:
            raise BadManifest(f"{place}.{name}.counts", "do not add up to the orders")
    if found.scores.counts[-1]:
        raise BadManifest(f"{place}.scores.counts", "has scores over 1")
    if found.calibration:
        _require_calibrated(found, f"{place}.calibration")
    return found


def _edges(expected: tuple[float, ...]) -> Check:
    def check(value: Any, place: str) -> tuple[float, ...]:
        if _numbers(value, place) != expected:
            raise BadManifest(place, "not those by which the service counts")
        return expected

    return check


def _counts(length: int) -> Check:
    def check(value: Any, place: str) -> tuple[int, ...]:
        counts: tuple[int, ...] = _wholes(value, place)
        if len(counts) != length:
            raise BadManifest(place, f"expected {length} counts, one more than there are edges")
        return counts

    return check


def _histogram(edges: tuple[float, ...]) -> Check:
    entries = checks.object_of({"edges": _edges(edges), "counts": _counts(len(edges) + 1)})
    return lambda value, place: Histogram(**entries(value, place))


def _by_feature(value: Any, place: str, features: Sequence[str]) -> dict[str, Histogram]:
    """In the features' order, so that the same content gives the same bytes."""
    if not isinstance(value, dict):
        raise BadManifest(place, "expected an object")
    for name in features:
        if name not in value:
            raise BadManifest(f"{place}.{name}", "missing")
    if len(value) != len(features):
        raise BadManifest(place, "holds a name that is no feature's")
    return {name: _zscores(value[name], f"{place}.{name}") for name in features}


def _require_calibrated(found: Baseline, place: str) -> None:
    """Raise BadManifest unless the rows are those of the bins that hold orders, and their numbers possible in them."""
    bins = zip(pairwise((0.0, *SCORE_EDGES)), found.scores.counts[:-1], strict=True)
    held = [(above, to, count) for (above, to), count in bins if count]
    if [(row.to, row.orders) for row in found.calibration] != [(to, count) for _, to, count in held]:
        raise BadManifest(place, "its rows are not those of the scores' bins that hold orders")
    for number, (row, (above, to, count)) in enumerate(zip(found.calibration, held, strict=True)):
        if not above <= row.mean_score <= to:
            raise BadManifest(f"{place}[{number}].mean_score", "not in its bin")
        if round(row.observed_rate * count) / count != row.observed_rate:
            raise BadManifest(f"{place}[{number}].observed_rate", "not the share of any number of its orders")


_numbers = checks.list_of(checks.number())
_wholes = checks.list_of(checks.whole(0, MOST_ORDERS))
_share = checks.number(0, 1)
_orders = checks.whole(1, MOST_ORDERS)
_zscores = _histogram(ZSCORE_EDGES)
_row = checks.object_of({"to": _share, "orders": _orders, "mean_score": _share, "observed_rate": _share})
_reference = checks.object_of(
    {
        "orders": _orders,
        "review": checks.whole(0, MOST_ORDERS),
        "scores": _histogram(SCORE_EDGES),
        "zscores": lambda value, place: value,
    },
    {"calibration": checks.list_of(lambda value, place: Calibration(**_row(value, place)))},
)
