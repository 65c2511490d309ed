import threading
import time

import numpy as np
import pytest

from model.core.batch import Batch
from model.packaged import packaged_model
from service.metrics.collector import MetricsCollector
from service.metrics.recorder import Metrics
from service.rollout import shadow
from service.rollout.shadow import WAITING, Shadow, Trial
from service.scoring import policy
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from tests.apps import app_and_stage
from tests.models import one_input
from tests.servers import read_metrics


class Slow:
    """A challenger that waits until it may go on."""

    manifest, network = one_input().manifest, one_input().network

    def __init__(self):
        self.started, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def score(self, batch):
        self.started.release()
        assert self.go_on.acquire(timeout=10)
        return one_input().score(batch)


class Failing:
    manifest, network = one_input().manifest, one_input().network

    def score(self, batch):
        raise MemoryError


@pytest.fixture
def counters():
    return SharedCounters()


@pytest.fixture
def answering():
    """An entry for each request that the worker is busy with."""
    return []


@pytest.fixture
def tried(counters, answering):
    """A shadow under the policy `review`."""
    return Shadow(Metrics(counters), "review", lambda: bool(answering))


def trial(challenger, values, champion=None):
    champion = champion or one_input()
    batch = Batch([str(number) for number in range(len(values))], np.array(values, float).reshape(-1, 1))
    scores = champion.score(batch)
    return Trial(champion, challenger, batch, scores)


def counted(counters):
    """What a scrape shows of the challenger, by the last part of the name and the labels that differ."""
    samples = MetricsCollector(counters, Serving(one_input(), 100)).collect()
    found = {}
    for family in samples:
        for sample in family.samples:
            if sample.name.startswith("delivery_risk_challenger_"):
                key = sample.labels.get("outcome") or sample.labels.get("direction") or sample.labels["le"]
                found[key] = sample.value
    return found


def wait_for(counters, key, value):
    deadline = time.monotonic() + 10
    while counted(counters).get(key, 0) < value:
        assert time.monotonic() < deadline, counted(counters)
        time.sleep(0.005)
    return counted(counters)


def test_differences_of_scores_and_of_queues_are_those_of_plain_arithmetic(tried, counters):
    values = np.linspace(-6, 6, 1001)
    champion, challenger = one_input(1.0), one_input(0.5, 0.75)
    made = trial(challenger, values, champion)
    tried.offer(made)
    found = wait_for(counters, "scored", 1)
    before, after = 1 / (1 + np.exp(-values)), 1 / (1 + np.exp(-(0.5 * values + 0.75)))
    for edge in (-0.2, -0.05, 0.0, 0.02, 0.1):
        assert found[str(edge)] == (after - before <= edge).sum()
    assert found["+Inf"] == 1001
    assert found["monitor_to_review"] == ((before < 0.5) & (after >= 0.5)).sum() > 0
    assert found["review_to_monitor"] == ((before >= 0.5) & (after < 0.5)).sum() == 0


def test_an_order_out_of_the_challengers_range_moves_to_review_by_the_policy():
    scores = packaged_model().score(Batch(["a"], np.array([[0.0, 0.0, -3.0]])))
    assert policy.review(scores, "review").tolist() == [True]
    assert policy.review(scores, "flag").tolist() == [False]


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(tried, counters):
    slow = Slow()
    tried.offer(trial(slow, [1.0]))
    assert slow.started.acquire(timeout=10)
    for _ in range(WAITING + 5):
        tried.offer(trial(slow, [1.0]))
    assert counted(counters)["dropped"] == 5
    for _ in range(WAITING + 1):
        slow.go_on.release()
    assert wait_for(counters, "scored", WAITING + 1)["dropped"] == 5


def test_a_challenger_that_raises_is_counted_and_the_next_batch_is_tried(tried, counters):
    tried.offer(trial(Failing(), [1.0]))
    tried.offer(trial(one_input(), [1.0]))
    assert wait_for(counters, "scored", 1)["failed"] == 1


def test_an_order_that_overflows_in_the_challenger_only_has_no_difference(tried, counters):
    tried.offer(trial(one_input(1e300), [1e10, 1.0]))
    assert wait_for(counters, "scored", 1)["+Inf"] == 1


def test_no_slice_is_begun_while_a_request_is_answered(tried, counters, answering, monkeypatch):
    monkeypatch.setattr(shadow, "PRODUCTS", 2 * one_input().network.parameter_count)
    slow = Slow()
    tried.offer(trial(slow, [1.0] * 6))
    assert slow.started.acquire(timeout=10)
    answering.append(None)
    slow.go_on.release()
    assert not slow.started.acquire(timeout=0.1)
    answering.pop()
    for _ in range(2):
        assert slow.started.acquire(timeout=10)
        slow.go_on.release()
    assert wait_for(counters, "scored", 1)["+Inf"] == 6


def test_a_challenger_is_tried_on_what_was_answered_and_changes_no_answer():
    app, stage = app_and_stage()
    client = app.test_client()
    orders = [{"order_id": str(n), "route_disruption": n, "backlog": 3, "weather_severity": 1} for n in range(9)]
    alone = client.post("/score", json={"orders": orders}).data
    stage.challenger(packaged_model(), None)
    with client.post("/score", json={"orders": orders}) as answer:
        assert answer.data == alone
    deadline = time.monotonic() + 10
    name = 'delivery_risk_challenger_batches_total{challenger_version="1.0.0",outcome="scored"}'
    while read_metrics(client.get("/metrics").text).get(name) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
