"""Evaluated orders for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.offline.evaluation.orders import EvaluatedOrders


def evaluated(
    x: Sequence[float], late: Sequence[Any], days: Sequence[int], share: float = 0.0, **given: Any
) -> EvaluatedOrders:
    """Orders of one input. Flags that are not given are False; `given` may have a context."""
    n = len(x)
    flags = {name: np.array(given.pop(name, [False] * n), np.bool_) for name in ("review", "acted_on", "holdout")}
    names = [f"2026-11-{day + 1:02}" for day in range(max(days, default=-1) + 1)]
    return EvaluatedOrders(
        [f"O-{number}" for number in range(n)],
        np.array(x, np.float64).reshape(n, 1),
        np.zeros(n),
        np.array(late, np.bool_),
        flags["review"],
        flags["acted_on"],
        flags["holdout"],
        share,
        np.array(days, np.intp),
        names,
        given.pop("context", {}),
    )


def drawn(seed: int, days: int = 30, a_day: int = 100, weight: float = 1.0) -> EvaluatedOrders:
    """Orders that are late with the probability that a model of this weight gives them, but for the weather of each day."""
    draw = np.random.default_rng(seed)
    x = draw.normal(-1.0, 1.5, days * a_day)
    day = np.repeat(np.arange(days), a_day)
    late = draw.random(len(x)) < 1 / (1 + np.exp(-(weight * x + np.repeat(draw.normal(0.0, 0.3, days), a_day))))
    return evaluated(x.tolist(), late.tolist(), day.tolist())
