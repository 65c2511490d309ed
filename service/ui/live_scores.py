"""Live scores: how many orders the service has scored with a model, and the share of their scores in each bin.

They are read from the metrics that all workers count together, since the service was started. The bins are those of the
baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model.core.manifest import SCORE_EDGES, Manifest
from service.web.route import Components

FEW = 400
"""Of fewer orders, chance alone moves the shares by much: a stability index of so many by 0.05."""

_SCORES, _ORDERS = "delivery_risk_score", "delivery_risk_orders"


@dataclass(frozen=True, slots=True)
class Bin:
    """The shares of scores above `above` and up to `to`: of the live ones and of the baseline; None where there are none."""

    above: float
    to: float
    live: float | None
    baseline: float | None


@dataclass(frozen=True, slots=True)
class LiveScores:
    """How many `orders` were answered, the share of them sent to `review`, and the bins that have scores.

    `largest` is the largest share of any bin. `baseline_review` is the share of the baseline's orders that go to review.
    """

    orders: int
    review: float | None
    baseline_review: float | None
    bins: Sequence[Bin]
    largest: float


def live_scores(components: Components, manifest: Manifest) -> LiveScores:
    """The live scores of the model of this manifest."""
    up_to: dict[float, float] = {}
    queues = {"review": 0.0, "monitor": 0.0}
    for family in components.registry.collect():
        for sample in family.samples if family.name in (_SCORES, _ORDERS) else ():
            if sample.labels.get("model_version") != manifest.version:
                continue
            if sample.name == f"{_SCORES}_bucket":
                up_to[float(sample.labels["le"])] = sample.value
            elif family.name == _ORDERS:
                queues[sample.labels["queue"]] += sample.value
    counts = [after - before for before, after in pairwise((0.0, *(up_to.get(edge, 0.0) for edge in SCORE_EDGES)))]
    baseline, orders = manifest.baseline, sum(queues.values())
    known = [None] * len(counts) if baseline is None else [n / baseline.orders for n in baseline.scores.counts]
    bins = [
        Bin(above, to, count / sum(counts) if any(counts) else None, of_baseline)
        for (above, to), count, of_baseline in zip(pairwise((0.0, *SCORE_EDGES)), counts, known, strict=False)
        if count or of_baseline
    ]
    return LiveScores(
        int(orders),
        queues["review"] / orders if orders else None,
        None if baseline is None else baseline.review / baseline.orders,
        bins,
        max((share or 0.0 for each in bins for share in (each.live, each.baseline)), default=0.0),
    )
