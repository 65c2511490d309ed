import threading
from types import SimpleNamespace

import numpy as np
import pytest

from model.core.batch import Batch
from model.packaged import packaged_model
from schemas.validation import DecodedBatch
from service.metrics.collector import MetricsCollector
from service.metrics.recorder import Metrics
from service.rollout import shadow
from service.rollout.shadow import WAITING, Shadow
from service.scoring.batch import Options, score_batch
from service.scoring.holdout import RecordedChooser
from service.serving.active_models import Serving
from service.shared.counters import SharedCounters
from service.shared.look_times import LookTimes
from tests.apps import service_of
from tests.models import one_input
from tests.servers import read_metrics, until


class Slow:
    """A challenger that waits until it may go on."""

    manifest, network = one_input().manifest, one_input().network

    def __init__(self):
        self.started, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def score(self, batch):
        self.started.release()
        assert self.go_on.acquire(timeout=10)
        return one_input().score(batch)


@pytest.fixture
def counters():
    return SharedCounters()


@pytest.fixture
def tried(counters):
    return Shadow(Metrics(counters), lambda: False)


def scored(values, **options):
    """Orders of these values, scored by the champion."""
    batch = Batch([str(number) for number in range(len(values))], np.array(values, float).reshape(-1, 1))
    decoded = DecodedBatch(batch, list(range(len(values))), [], len(values), "records")
    return score_batch(one_input(), decoded, Options("review", **options))


def counted(counters):
    """What a scrape shows of the challenger, by the last of its labels."""
    families = MetricsCollector(counters, Serving(one_input(), 100), LookTimes()).collect()
    samples = (each for family in families for each in family.samples if each.name.startswith("delivery_risk_challenger_"))
    return {each.labels.get("outcome") or each.labels.get("direction") or each.labels["le"]: each.value for each in samples}


def wait_for(counters, key, value):
    assert until(lambda: counted(counters).get(key, 0) >= value), counted(counters)
    return counted(counters)


def test_differences_of_scores_and_of_queues_are_those_of_plain_arithmetic(tried, counters):
    values = np.linspace(-6, 6, 1001)
    tried.offer(one_input(0.5, 0.75), scored(values))
    found = wait_for(counters, "scored", 1)
    before, after = 1 / (1 + np.exp(-values)), 1 / (1 + np.exp(-(0.5 * values + 0.75)))
    for edge in (-0.2, -0.05, 0.0, 0.02, 0.1):
        assert found[str(edge)] == (after - before <= edge).sum()
    assert found["+Inf"] == 1001
    assert found["monitor_to_review"] == ((before < 0.5) & (after >= 0.5)).sum() > 0
    assert found["review_to_monitor"] == ((before >= 0.5) & (after < 0.5)).sum() == 0


def test_where_the_champion_selects_the_challenger_selects_as_many_of_the_complete_batch(tried, counters, monkeypatch):
    monkeypatch.setattr(shadow, "PRODUCTS", 2 * one_input().network.parameter_count)  # of slices of two orders
    tried.offer(one_input(-1.0), scored([5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0], review_top=4))
    found = wait_for(counters, "scored", 1)
    assert (found["monitor_to_review"], found["review_to_monitor"]) == (3, 3)


def test_queues_are_compared_as_they_are_without_a_holdout(tried, counters):
    champion = scored([1.0, 2.0, 3.0, -1.0], holdout=RecordedChooser(0.1, [0, 1]))
    assert champion.scores.reviews == 1
    tried.offer(one_input(), champion)
    found = wait_for(counters, "scored", 1)
    assert (found["monitor_to_review"], found["review_to_monitor"]) == (0, 0)


def test_a_batch_that_does_not_fit_into_the_queue_is_dropped_and_counted(tried, counters):
    slow = Slow()
    tried.offer(slow, scored([1.0]))
    assert slow.started.acquire(timeout=10)
    for _ in range(WAITING + 5):
        tried.offer(slow, scored([1.0]))
    assert counted(counters)["dropped"] == 5
    for _ in range(WAITING + 1):
        slow.go_on.release()
    assert wait_for(counters, "scored", WAITING + 1)["dropped"] == 5


def test_a_challenger_that_raises_is_counted_and_the_next_batch_is_tried(tried, counters):
    failing = SimpleNamespace(manifest=one_input().manifest, network=one_input().network, score=lambda batch: 1 / 0)
    tried.offer(failing, scored([1.0]))
    tried.offer(one_input(), scored([1.0]))
    assert wait_for(counters, "scored", 1)["failed"] == 1


@pytest.mark.parametrize("options", [{}, {"review_top": 2}])
def test_a_batch_none_of_whose_orders_is_valid_is_tried_too(tried, counters, options):
    tried.offer(one_input(), scored([], **options))
    assert "failed" not in wait_for(counters, "scored", 1)


def test_an_order_that_overflows_in_the_challenger_only_has_no_difference(tried, counters):
    tried.offer(one_input(1e300), scored([1e10, 1.0]))
    assert wait_for(counters, "scored", 1)["+Inf"] == 1


def test_no_slice_is_begun_while_a_request_is_answered(counters, monkeypatch):
    monkeypatch.setattr(shadow, "PRODUCTS", 2 * one_input().network.parameter_count)
    slow, answering = Slow(), []
    tried = Shadow(Metrics(counters), lambda: bool(answering))
    tried.offer(slow, scored([1.0] * 6))
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
    service = service_of()
    client = service.app.test_client()
    orders = [{"order_id": str(n), "route_disruption": n, "backlog": 3, "weather_severity": 1} for n in range(9)]
    alone = client.post("/score", json={"orders": orders}).data
    service.serving.set_challenger(packaged_model(), None)
    assert client.post("/score", json={"orders": orders}).data == alone
    name = 'delivery_risk_challenger_batches_total{challenger_version="1.0.0",outcome="scored"}'
    assert until(lambda: read_metrics(client.get("/metrics").text).get(name) == 1)
