"""Exposition: what a scrape shows of all workers, whichever is asked: METRICS from the tally, GAUGES from the roster.

The reference of the champion is shown from this worker's own lineup; it carries the version, since workers change one by one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from operator import itemgetter

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from model.core.baseline import Baseline, Histogram
from model.core.batch import Floats
from model.core.manifest import Manifest
from service.metrics.recorder import METRICS, Metric
from service.serving.active_models import Serving
from service.serving.worker_state import RoleState
from service.shared.counters import UNRECORDED, SharedCounters
from service.version import VERSION

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Values = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Scene:
    """What gauges are read from: the states of each role in all living workers, and the model that answers here."""

    roles: Mapping[str, list[RoleState]]
    champion: Manifest


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number by labels."""

    help: str
    labels: tuple[str, ...]
    read: Callable[[Scene], Values]


def _by_role(read: Callable[[list[RoleState]], Values]) -> Callable[[Scene], Values]:
    """A number of each role's states; the first label is the role."""
    return lambda scene: {
        (role, *labels): number for role, states in scene.roles.items() for labels, number in sorted(read(states).items())
    }


def _referred(read: Callable[[Baseline], Values]) -> Callable[[Scene], Values]:
    """A number of the champion's reference, if it has one; the first label is the version."""

    def found(scene: Scene) -> Values:
        manifest = scene.champion
        values = {} if manifest.baseline is None else read(manifest.baseline)
        return {(manifest.version, *labels): number for labels, number in values.items()}

    return found


def _served(states: list[RoleState]) -> Values:
    return dict(Counter((s.served.name, s.served.version, s.served.sha256) for s in states if s.served))


def _wanted(states: list[RoleState]) -> Values:
    return dict(Counter((s.wanted.version, s.wanted.sha256) for s in states if s.wanted))


def _shares(histogram: Histogram) -> Values:
    """The share in each bin, by the edges as the service's own histograms name them."""
    bins = pairwise(map(floatToGoString, (-inf, *histogram.edges, inf)))
    return dict(zip(bins, histogram.shares(), strict=True))


GAUGES = {
    "delivery_risk_build_info": Gauge(
        "The service's own version, as a label; always 1.", ("version",), lambda _: {(VERSION,): 1}
    ),
    "delivery_risk_model_info": Gauge(
        "Workers that serve the model.", ("role", "name", "version", "sha256"), _by_role(_served)
    ),
    "delivery_risk_model_wanted_info": Gauge(
        "Workers whose store wants the version.", ("role", "version", "sha256"), _by_role(_wanted)
    ),
    "delivery_risk_model_reload_success": Gauge(
        "Whether the last change succeeded in every worker.",
        ("role",),
        _by_role(lambda states: {(): all(not s.reason for s in states)}),
    ),
    "delivery_risk_model_reload_timestamp_seconds": Gauge(
        "When a worker last changed its model.", ("role",), _by_role(lambda states: {(): max(s.since for s in states)})
    ),
    "delivery_risk_reference_orders": Gauge(
        "Orders that the served model's reference was made of.",
        ("model_version",),
        _referred(lambda reference: {(): reference.orders}),
    ),
    "delivery_risk_reference_review_ratio": Gauge(
        "Share of the reference's orders that go to review.",
        ("model_version",),
        _referred(lambda reference: {(): reference.review / reference.orders}),
    ),
    "delivery_risk_reference_score_ratio": Gauge(
        "Share of the reference's scores over `above` and up to `le`.",
        ("model_version", "above", "le"),
        _referred(lambda reference: _shares(reference.scores)),
    ),
    "delivery_risk_reference_zscore_ratio": Gauge(
        "Share of the reference's standardized features over `above` and up to `le`.",
        ("model_version", "feature", "above", "le"),
        _referred(
            lambda reference: {
                (name, *bins): share for name, zscores in reference.zscores.items() for bins, share in _shares(zscores).items()
            }
        ),
    ),
}


class MetricsCollector(Collector):
    """Collects into its `registry`."""

    def __init__(self, counters: SharedCounters, stage: Serving) -> None:
        self._counters = counters
        self._stage = stage
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[Family]:
        """Every family, empty ones too."""
        series: dict[str, list[tuple[Sequence[str], Floats]]] = {name: [] for name in METRICS}
        totals = self._counters.totals()
        totals[("delivery_risk_metrics_unrecorded_total",)] = totals.pop(UNRECORDED)
        for (name, *labels), cells in sorted(totals.items(), key=itemgetter(0)):
            series[name].append((labels, cells))
        for name, metric in METRICS.items():
            yield _family(name, metric, series[name])
        workers = [entry.states for entry in self._stage.worker_states.living()]
        roles = {role: [states[role] for states in workers] for role in sorted(set().union(*workers))}
        scene = Scene(roles, self._stage.active.champion.model.manifest)
        for name, gauge in GAUGES.items():
            family = GaugeMetricFamily(name, gauge.help, labels=gauge.labels)
            for values, number in gauge.read(scene).items():
                family.add_metric(values, number)
            yield family


def _family(name: str, metric: Metric, series: Iterable[tuple[Sequence[str], Floats]]) -> Family:
    if not metric.buckets:
        family = (GaugeMetricFamily if metric.gauge else CounterMetricFamily)(name, metric.help, labels=metric.labels)
        for labels, cells in series:
            family.add_metric(labels, cells[0])
        return family
    histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    edges = [*map(floatToGoString, metric.buckets), "+Inf"]
    for labels, cells in series:
        histogram.add_metric(labels, list(zip(edges, np.cumsum(cells[:-1]), strict=True)), cells[-1])
    return histogram
