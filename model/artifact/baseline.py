"""The entry `reference` of a manifest: the baseline that monitoring compares with.

    {"orders": 2000, "review": 214,
     "scores": {"edges": [0.05, 0.1, …, 1.0], "counts": [0, 31, …]},
     "zscores": {"backlog": {"edges": [-10.0, -5.0, …, 10.0], "counts": [0, 2, …]}, …},
     "calibration": [{"to": 0.1, "orders": 31, "mean_score": 0.0712, "observed_rate": 0.0645…}, …]}

`review` of the orders go to review. The first count of a histogram is of the values up to the first edge, each further count
of the values over one edge and up to the next, the last count of the values over all edges. `calibration` has a row for each
bin of the scores that contains orders; it is optional. The edges must be those of the service's own histograms: with any
others, nothing could be compared.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from model.artifact import checks
from model.artifact.checks import Check
from model.core.baseline import MOST_ORDERS, SCORE_EDGES, ZSCORE_EDGES, Baseline, Calibration, Histogram
from model.errors import BadManifest


def checked(value: Any, location: str, features: Sequence[str]) -> Baseline:
    """The baseline in this entry of a model with these features. Raises BadManifest."""
    zscores = checks.object_of(dict.fromkeys(features, _histogram(ZSCORE_EDGES)), names="the features")
    entry = checks.object_of({**_REQUIRED, "zscores": zscores}, _OPTIONAL)(value, location)
    # The order of the features, so that the same content gives the same bytes.
    found = Baseline(**entry | {"zscores": {name: entry["zscores"][name] for name in features}})
    if found.review > found.orders:
        raise BadManifest(f"{location}.review", "more than the orders")
    histograms = {"scores": found.scores, **{f"zscores.{name}": each for name, each in found.zscores.items()}}
    for name, histogram in histograms.items():
        if sum(histogram.counts) != found.orders:
            raise BadManifest(f"{location}.{name}.counts", "do not add up to the orders")
    if found.scores.counts[-1]:
        raise BadManifest(f"{location}.scores.counts", "has scores over 1")
    if found.calibration:
        _require_calibrated(found, f"{location}.calibration")
    return found


def _histogram(edges: tuple[float, ...]) -> Check:
    numbers, counts = checks.list_of(checks.number()), checks.list_of(checks.integer(0, MOST_ORDERS))

    def check_edges(value: Any, location: str) -> tuple[float, ...]:
        if numbers(value, location) != edges:
            raise BadManifest(location, "not the edges of the service's histograms")
        return edges

    def check_counts(value: Any, location: str) -> Any:
        found = counts(value, location)
        if len(found) != len(edges) + 1:
            raise BadManifest(location, f"expected {len(edges) + 1} counts, one more than the edges")
        return found

    entries = checks.object_of({"edges": check_edges, "counts": check_counts})
    return lambda value, location: Histogram(**entries(value, location))


def _require_calibrated(found: Baseline, location: str) -> None:
    """Raise BadManifest unless there is a row for each bin that contains orders, with numbers that are possible in it."""
    bins = zip(pairwise((0.0, *SCORE_EDGES)), found.scores.counts[:-1], strict=True)
    expected = [(above, to, count) for (above, to), count in bins if count]
    if [(row.to, row.orders) for row in found.calibration] != [(to, count) for _, to, count in expected]:
        raise BadManifest(location, "its rows are not those of the bins of `scores` that contain orders")
    for number, (row, (above, to, count)) in enumerate(zip(found.calibration, expected, strict=True)):
        if not above <= row.mean_score <= to:
            raise BadManifest(f"{location}[{number}].mean_score", "outside its bin")
        if round(row.observed_rate * count) / count != row.observed_rate:
            raise BadManifest(f"{location}[{number}].observed_rate", "not a fraction of its orders")


_share = checks.number(0, 1)
_row = checks.object_of({"to": _share, "orders": checks.integer(1, MOST_ORDERS), "mean_score": _share, "observed_rate": _share})
_REQUIRED: dict[str, Check] = {
    "orders": checks.integer(1, MOST_ORDERS),
    "review": checks.integer(0, MOST_ORDERS),
    "scores": _histogram(SCORE_EDGES),
}
_OPTIONAL: dict[str, Check] = {"calibration": checks.list_of(lambda value, location: Calibration(**_row(value, location)))}
