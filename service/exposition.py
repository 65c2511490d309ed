"""Exposition: what a scrape shows of all workers, whichever is asked: METRICS from the tally, GAUGES from the roster."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from model.batch import Floats
from service.metrics import METRICS, Metric
from service.roster import Roster, State
from service.tally import UNRECORDED, Tally

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Values = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number by labels, the first of which is the role, made of the states of that role in all living workers."""

    help: str
    labels: tuple[str, ...]
    read: Callable[[list[State]], Values]


def _served(states: list[State]) -> Values:
    return dict(Counter((s.served.name, s.served.version, s.served.sha256) for s in states if s.served))


def _wanted(states: list[State]) -> Values:
    return dict(Counter((s.wanted.version, s.wanted.sha256) for s in states if s.wanted))


GAUGES = {
    "delivery_risk_model_info": Gauge("Workers that serve the model.", ("role", "name", "version", "sha256"), _served),
    "delivery_risk_model_wanted_info": Gauge("Workers whose store wants the version.", ("role", "version", "sha256"), _wanted),
    "delivery_risk_model_reload_success": Gauge(
        "Whether the last change succeeded in every worker.", ("role",), lambda states: {(): all(not s.reason for s in states)}
    ),
    "delivery_risk_model_reload_timestamp_seconds": Gauge(
        "When a worker last changed its model.", ("role",), lambda states: {(): max(s.since for s in states)}
    ),
}


class Exposition(Collector):
    """Collects into its `registry`."""

    def __init__(self, tally: Tally, roster: Roster) -> None:
        self._tally = tally
        self._roster = roster
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[Family]:
        """Every family, empty ones too."""
        series: dict[str, list[tuple[Sequence[str], Floats]]] = {name: [] for name in METRICS}
        totals = self._tally.totals()
        totals[("delivery_risk_metrics_unrecorded_total",)] = totals.pop(UNRECORDED)
        for (name, *labels), cells in sorted(totals.items(), key=itemgetter(0)):
            series[name].append((labels, cells))
        for name, metric in METRICS.items():
            yield _family(name, metric, series[name])
        workers = [entry.states for entry in self._roster.living()]
        roles = {role: [states[role] for states in workers] for role in sorted(set().union(*workers))}
        for name, gauge in GAUGES.items():
            family = GaugeMetricFamily(name, gauge.help, labels=gauge.labels)
            for role, states in roles.items():
                for values, number in sorted(gauge.read(states).items()):
                    family.add_metric((role, *values), number)
            yield family


def _family(name: str, metric: Metric, series: Iterable[tuple[Sequence[str], Floats]]) -> Family:
    if not metric.buckets:
        counter = CounterMetricFamily(name, metric.help, labels=metric.labels)
        for labels, cells in series:
            counter.add_metric(labels, cells[0])
        return counter
    histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    edges = [*map(floatToGoString, metric.buckets), "+Inf"]
    for labels, cells in series:
        histogram.add_metric(labels, list(zip(edges, np.cumsum(cells[:-1]), strict=True)), cells[-1])
    return histogram
