"""Series are looked up once and counted often: the counts are those of prometheus-client, wherever the series have moved."""

import os
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from model.core.batch import Batch
from model.core.manifest import SCORE_EDGES, ZSCORE_EDGES
from model.core.network import Network
from schemas.faults import Fault
from schemas.validation import DecodedBatch
from service.metrics.collector import MetricsCollector
from service.metrics.definitions import METRICS
from service.metrics.recorder import Metrics
from service.scoring.batch import Options, score_batch
from service.serving.active_models import Serving
from service.shared import counters
from service.shared.counters import MASTER_SLOT, UNRECORDED, SharedCounters
from service.shared.look_times import LookTimes
from tests.models import layer, model_of

TIMINGS = [("decode", 1.0, 1.001), ("score", 2.0, 2.5)]
SIZES = (0, 1, 2, 7, 24, 25, 33, 100, 1000)


def model_named(version, features=2):
    model = model_of(Network([layer([[0.5] * features], [0.1])]))
    return replace(model, manifest=replace(model.manifest, version=version))


def scored(model, rows, faults=()):
    """A partial batch with these faults, whose valid orders have these features."""
    matrix = np.asarray(rows, float).reshape(-1, len(model.manifest.features))
    ids = [str(number) for number in range(len(matrix))]
    decoded = DecodedBatch(Batch(ids, matrix), list(range(len(ids))), list(faults), len(ids) + len(faults), "records")
    return score_batch(model, decoded, Options("flag", partial=True))


def answer(metrics, batch, status=200):
    metrics.request("POST", "/score", status, 0.02, TIMINGS, batch)


def counted(counts, metric, *labels):
    return counts.totals()[metric, *labels].tolist()


class Oracle:
    """The same events, counted one by one by prometheus-client."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.score, self.orders = self._histogram("delivery_risk_score"), self._histogram("delivery_risk_batch_orders")
        self.zscore = self._histogram("delivery_risk_feature_zscore")
        self.request = self._histogram("http_request_duration_seconds")
        self.stage = self._histogram("delivery_risk_stage_duration_seconds")
        self.queue, self.outside, self.rejected, self.unscored = map(
            self._counter,
            (
                "delivery_risk_orders_total",
                "delivery_risk_out_of_range_total",
                "delivery_risk_rejected_orders_total",
                "delivery_risk_unscored_orders_total",
            ),
        )

    def _histogram(self, name):
        metric = METRICS[name]
        return Histogram(name, "x", list(metric.labels), buckets=metric.buckets, registry=self.registry)

    def _counter(self, name):
        return Counter(name, "x", list(METRICS[name].labels), registry=self.registry)

    def answer(self, batch):
        manifest, scores = batch.model.manifest, batch.scores
        self.request.labels("POST", "/score", "200").observe(0.02)
        for stage, begin, end in TIMINGS:
            self.stage.labels(stage).observe(end - begin)
        self.orders.observe(len(scores.scores))
        for queue, count in (("review", sum(scores.review)), ("monitor", sum(~scores.review))):
            self.queue.labels(manifest.version, queue).inc(int(count))
        for score in scores.scores:
            self.score.labels(manifest.version).observe(score)
        for row, outside in zip(scores.zscores, scores.out_of_range, strict=True):
            for name, zscore, out in zip(manifest.feature_names, row, outside, strict=True):
                self.zscore.labels(name).observe(zscore)
                self.outside.labels(name).inc(int(out))
        for fault in batch.decoded.faults:
            self.rejected.labels(fault.code).inc()
        self.unscored.inc(len(batch.decoded.faults))


def exported(families):
    """Samples by name and labels, without counts (the last bucket has them) and times of creation; none at 0."""
    found = ((each.name, tuple(sorted(each.labels.items())), each.value) for family in families for each in family.samples)
    return {(name, labels): value for name, labels, value in found if value and not name.endswith(("_created", "_count"))}


def test_counts_are_those_that_prometheus_client_counts_one_by_one():
    random, oracle, counts = np.random.default_rng(1), Oracle(), SharedCounters()
    metrics = Metrics(counts)
    models = [model_named("1"), model_named("2", features=3)]
    edges = np.array([*SCORE_EDGES, *ZSCORE_EDGES])
    for number in range(60):
        model, size = models[number // 3 % 2], SIZES[number % len(SIZES)]
        rows = random.normal(0, 4, (size, len(model.manifest.features)))
        on_edge = random.random(rows.shape) < 0.2
        rows[on_edge] = random.choice(edges, np.count_nonzero(on_edge))
        batch = scored(model, rows, [Fault("null", 99, "f0", "x")] * (number % 2))
        answer(metrics, batch)
        oracle.answer(batch)
    expected = list(oracle.registry.collect())
    names = {family.name for family in expected}
    found = MetricsCollector(counts, Serving(models[0], 100), LookTimes()).collect()
    assert exported(family for family in found if family.name in names) == pytest.approx(exported(expected))


def test_another_model_of_the_same_version_counts_by_its_own_features():
    metrics = Metrics(SharedCounters())
    one, other = model_named("1", features=1), model_named("1", features=2)
    for model in (one, other, one):
        answer(metrics, scored(model, [[1.0] * len(model.manifest.features)]))
    for feature, count in (("f0", 3), ("f1", 1)):
        assert sum(counted(metrics.counters, "delivery_risk_feature_zscore", feature)[:-1]) == count
    assert counted(metrics.counters, "delivery_risk_orders_total", "1", "review") == [3]


def test_series_that_move_as_others_are_given_back_keep_counting():
    counts = SharedCounters()
    metrics, batch = Metrics(counts), scored(model_named("1"), [[1.0, 2.0]])
    counts.enter(("first",), 5)
    for turn in range(1, 4):
        answer(metrics, batch)
        with counts.lock:
            counts.give_back(lambda key: key[0].startswith(("first", "delivery_risk_requests_lost")))
        metrics.count("delivery_risk_requests_lost_total")  # takes the room of what moved
        answer(metrics, batch)
        assert counted(counts, "delivery_risk_orders_total", "1", "review") == [2 * turn]
        assert sum(counted(counts, "http_request_duration_seconds", "POST", "/score", "200")[:-1]) == 2 * turn


def test_a_forked_worker_counts_in_its_own_slot():
    counts = SharedCounters()
    metrics, batch = Metrics(counts), scored(model_named("1"), [[1.0, 2.0]])
    answer(metrics, batch)
    child = os.fork()
    if child == 0:
        counts.attach(3)
        answer(metrics, batch)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    orders = ("delivery_risk_orders_total", "1", "review")
    assert [counts.number(slot, orders) for slot in (MASTER_SLOT, 3)] == [1, 1]
    assert sum(counted(counts, "http_request_duration_seconds", "POST", "/score", "200")[:-1]) == 2


def test_each_update_that_has_no_room_is_counted_as_dropped(monkeypatch):
    monkeypatch.setattr(counters, "NUMBERS", 2)
    full = SharedCounters()
    dropped = []
    for _ in range(3):
        Metrics(full).request("POST", "/score", 200, 0.02, TIMINGS)
        dropped += full.totals()[UNRECORDED].tolist()
    assert dropped == [3, 6, 9]


@pytest.mark.parametrize(("status", "count"), [(200, 1), (422, 1), (500, 0)])
def test_a_batch_is_counted_unless_the_service_failed_to_answer_it(status, count):
    metrics = Metrics(SharedCounters())
    answer(metrics, scored(model_named("1"), [[1.0, 2.0]], [Fault("null", 99, "f0", "x")]), status)
    for name, *labels in (("orders_total", "1", "review"), ("rejected_orders_total", "null"), ("unscored_orders_total",)):
        assert metrics.total(f"delivery_risk_{name}", *labels) == count
