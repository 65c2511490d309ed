"""Retention: which series of versions and features are shown and kept, once models that had them are served no more.

Without an end, every promotion would add series to every scrape. A scrape shows those of the last SHOWN versions that any
worker has served. They are given back once KEPT versions are newer: workers do this one by one, when no scrape shows them any
longer, so no total shown ever decreases.
"""

from collections.abc import Mapping

from service.metrics.definitions import METRICS, OF_VERSION
from service.shared.counters import Key

SHOWN = 16
KEPT = 2 * SHOWN


def horizon(last_used: Mapping[Key, float], versions: int) -> float:
    """When the oldest of the last `versions` versions was last used: what was only used before belongs to none of them."""
    latest: dict[str, float] = {}
    for key, used in last_used.items():
        name, *values = key
        for label, value in zip(METRICS[name].labels if name in METRICS else (), values, strict=False):
            if label in OF_VERSION:
                latest[value] = max(used, latest.get(value, 0.0))
    recent = sorted(latest.values(), reverse=True)
    return recent[versions - 1] if len(recent) >= versions else 0.0
