"""The table of gauges: numbers that are read when a scrape comes, of what the workers serve and look at."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from prometheus_client.utils import floatToGoString

from model.core.manifest import Baseline, Histogram, InputCounts, Manifest
from service.metrics.definitions import COUNTED_VALUES, is_counted
from service.serving.worker_state import RoleState
from service.version import VERSION

Values = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What gauges are read from: the states of each role in all living workers, the manifest of this worker's champion, and
    the age of the last look at each file.
    """

    roles: Mapping[str, list[RoleState]]
    champion: Manifest
    look_ages: Mapping[str, float]


Read = Callable[[Seen], Values]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number for each combination of labels."""

    help: str
    labels: tuple[str, ...]
    read: Read


def _by_role(read: Callable[[list[RoleState]], Values]) -> Read:
    """A number of each role's states; the first label is the role."""
    return lambda seen: {(role, *found): n for role, states in seen.roles.items() for found, n in sorted(read(states).items())}


def _of_baseline(read: Callable[[Baseline], Values]) -> Read:
    """A number of the champion's baseline, where it has one; the first label is the version."""
    return lambda seen: {
        (seen.champion.version, *found): n
        for found, n in (read(seen.champion.baseline) if seen.champion.baseline else {}).items()
    }


def _shares(histogram: Histogram) -> Values:
    """The share in each bin, with edges written as in the service's own histograms."""
    bins = pairwise(map(floatToGoString, (-inf, *histogram.edges, inf)))
    total = sum(histogram.counts)
    return dict(zip(bins, (count / total for count in histogram.counts), strict=True))


def _gaps(count: Callable[[InputCounts], int | None]) -> Read:
    """The share of the baseline's orders that have this gap, by input; of inputs that have a count of it."""

    def read(baseline: Baseline) -> Values:
        counts = {name: count(each) for name, each in baseline.inputs.items()}
        return {(name,): n / baseline.orders for name, n in counts.items() if n is not None}

    return _of_baseline(read)


def _categories(baseline: Baseline) -> Values:
    """The share of each value among the orders with a value of the category."""
    totals = {name: sum(each.counts.values()) for name, each in baseline.inputs.items() if is_counted(each.counts)}
    return {
        (name, value): n / total for name, total in totals.items() if total for value, n in baseline.inputs[name].counts.items()
    }


GAUGES = {
    "delivery_risk_build_info": Gauge("Version of the service, as a label; always 1.", ("version",), lambda _: {(VERSION,): 1}),
    "delivery_risk_model_info": Gauge(
        "Workers that serve the model.",
        ("role", "name", "version", "sha256"),
        _by_role(lambda states: Counter((s.served.name, s.served.version, s.served.sha256) for s in states if s.served)),
    ),
    "delivery_risk_model_wanted_info": Gauge(
        "Workers whose registry names the version.",
        ("role", "version", "sha256"),
        _by_role(lambda states: Counter((s.wanted.version, s.wanted.sha256) for s in states if s.wanted)),
    ),
    "delivery_risk_model_reload_success": Gauge(
        "1 if the last model change succeeded in every worker, else 0.",
        ("role",),
        _by_role(lambda states: {(): all(not state.reason for state in states)}),
    ),
    "delivery_risk_model_reload_timestamp_seconds": Gauge(
        "Unix time of the last model change in any worker.",
        ("role",),
        _by_role(lambda states: {(): max(states, key=lambda state: state.change).since}),
    ),
    "delivery_risk_files_last_look_age_seconds": Gauge(
        "Seconds since the last look at a file that workers follow, in the worker whose look is the longest ago.",
        ("file",),
        lambda seen: {(file,): age for file, age in seen.look_ages.items()},
    ),
    "delivery_risk_reference_orders": Gauge(
        "Orders in the baseline of the served model.",
        ("model_version",),
        _of_baseline(lambda baseline: {(): baseline.orders}),
    ),
    "delivery_risk_reference_review_ratio": Gauge(
        "Share of the baseline's orders that go to review.",
        ("model_version",),
        _of_baseline(lambda baseline: {(): baseline.review / baseline.orders}),
    ),
    "delivery_risk_reference_score_ratio": Gauge(
        "Share of the baseline's scores above `above` and up to `le`.",
        ("model_version", "above", "le"),
        _of_baseline(lambda baseline: _shares(baseline.scores)),
    ),
    "delivery_risk_reference_zscore_ratio": Gauge(
        "Share of the baseline's standardized features above `above` and up to `le`.",
        ("model_version", "feature", "above", "le"),
        _of_baseline(
            lambda baseline: {(name, *bins): n for name, z in baseline.zscores.items() for bins, n in _shares(z).items()}
        ),
    ),
    "delivery_risk_reference_category_ratio": Gauge(
        "Share of this value among the baseline's orders with a value of the category, for inputs with at most "
        f"{COUNTED_VALUES} values.",
        ("model_version", "input", "value"),
        _of_baseline(_categories),
    ),
    "delivery_risk_reference_imputed_ratio": Gauge(
        "Share of the baseline's orders that lack an input, by input.",
        ("model_version", "input"),
        _gaps(lambda counts: counts.missing),
    ),
    "delivery_risk_reference_unknown_ratio": Gauge(
        "Share of the baseline's orders with a category that the model does not know, by input.",
        ("model_version", "input"),
        _gaps(lambda counts: counts.unknown),
    ),
}
