"""Collector: what a scrape shows of all workers, whichever of them answers it.

Counters and histograms are the sums over all workers. The baseline is that of the champion of the answering worker; its
series carry the version, since workers change their model one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from model.core.batch import Floats
from service.metrics.definitions import METRICS, Metric
from service.metrics.gauges import GAUGES, Seen
from service.metrics.retention import SHOWN, horizon
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from service.shared.look_times import LookTimes

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class MetricsCollector(Collector):
    """Collects METRICS and GAUGES into its `registry`."""

    def __init__(self, counters: SharedCounters, serving: Serving, look_times: LookTimes) -> None:
        self._counters = counters
        self._serving = serving
        self._look_times = look_times
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def describe(self) -> Iterator[Family]:
        """Every family without its series. By their names a scrape may ask for some of them."""
        for name, metric in METRICS.items():
            yield _family(name, metric, ())
        for name, gauge in GAUGES.items():
            yield GaugeMetricFamily(name, gauge.help, labels=gauge.labels)

    def collect(self) -> Iterator[Family]:
        """Every family, empty ones too."""
        series: dict[str, list[tuple[Sequence[str], Floats]]] = {name: [] for name in METRICS}
        last_used = self._counters.last_used()
        workers = [worker.states for worker in self._serving.worker_states.all() if worker.lives]
        served = [max(state.change for state in states.values()) for states in workers]
        oldest = min([horizon(last_used, SHOWN), *filter(None, served)])
        for key, numbers in sorted(self._counters.totals().items(), key=itemgetter(0)):
            if last_used.get(key, oldest) >= oldest:
                series[key[0]].append((key[1:], numbers))
        for name, metric in METRICS.items():
            yield _family(name, metric, series[name])
        roles = {role: [states[role] for states in workers] for role in sorted(set().union(*workers))}
        seen = Seen(roles, self._serving.active.champion.model.manifest, self._look_times.ages())
        for name, gauge in GAUGES.items():
            family = GaugeMetricFamily(name, gauge.help, labels=gauge.labels)
            for values, number in gauge.read(seen).items():
                family.add_metric(values, number)
            yield family


def _family(name: str, metric: Metric, series: Iterable[tuple[Sequence[str], Floats]]) -> Family:
    if not metric.buckets:
        family = (GaugeMetricFamily if metric.gauge else CounterMetricFamily)(name, metric.help, labels=list(metric.labels))
        for labels, numbers in series:
            family.add_metric(labels, numbers[0])
        return family
    histogram = HistogramMetricFamily(name, metric.help, labels=list(metric.labels))
    edges = [*map(floatToGoString, metric.buckets), "+Inf"]
    for labels, numbers in series:
        histogram.add_metric(labels, list(zip(edges, np.cumsum(numbers[:-1]), strict=True)), numbers[-1])
    return histogram
