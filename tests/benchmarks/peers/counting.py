"""Metrics in plain prometheus-client: one observation per request, batch and score, one count per queue."""

import os
from contextlib import nullcontext

from prometheus_client import Counter, Histogram

COUNTING = not os.environ.get("WITHOUT_COUNTING")
SECONDS = Histogram("request_duration_seconds", "Duration of requests, by route.", ["route"]).labels("/score")
BATCH = Histogram("batch_orders", "Orders in a batch.", buckets=[1, 10, 100, 1000, 10_000])
SCORES = Histogram("scores", "Scores.", buckets=[n / 20 for n in range(1, 21)])
_ORDERS = Counter("orders", "Orders by queue.", ["queue"])
REVIEW, MONITOR = _ORDERS.labels("review"), _ORDERS.labels("monitor")


def timed():
    """A block that is a request."""
    return SECONDS.time() if COUNTING else nullcontext()


def count(scores):
    if not COUNTING:
        return
    BATCH.observe(len(scores))
    for score in scores:
        SCORES.observe(score)
    reviews = sum(score >= 0.6 for score in scores)
    REVIEW.inc(reviews)
    MONITOR.inc(len(scores) - reviews)
