"""Metrics of orders in plain prometheus-client: one observation per score, one count per queue."""

import os

from prometheus_client import Counter, Histogram

SCORES = Histogram("scores", "Scores.", buckets=[n / 20 for n in range(1, 21)])
ORDERS = Counter("orders", "Orders by queue.", ["queue"])


def count(scores):
    if os.environ.get("WITHOUT_COUNTING"):
        return
    for score in scores:
        SCORES.observe(score)
    reviews = sum(score >= 0.6 for score in scores)
    ORDERS.labels("review").inc(reviews)
    ORDERS.labels("monitor").inc(len(scores) - reviews)
