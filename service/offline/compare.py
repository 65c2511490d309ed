"""Comparison: a file of orders scored by two models side by side, by the same policy, chunk by chunk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.core.batch import Batch
from model.core.risk_model import RiskModel
from schemas.files.row import Row
from schemas.result import Policy
from schemas.validation import BatchValidator
from service.offline import chunks
from service.scoring.batch import Options, score_batch


class DifferentFeatures(Exception):
    """Models that do not take the same orders: the features that only the first has, and those that only the second has."""

    def __init__(self, first: Sequence[str], second: Sequence[str]) -> None:
        super().__init__("the models do not take the same features")
        self.first = first
        self.second = second


@dataclass(slots=True)
class Comparison:
    """What came of the rows: `orders` that both models score, `alone` those that one of them does, `refused` the others.

    Of the orders that both score: how many go `to_review` with the second model though not with the first, how many
    `to_monitor`, and the largest `difference` of their scores, with the first order that has it.
    """

    orders: int = 0
    alone: int = 0
    refused: int = 0
    to_review: int = 0
    to_monitor: int = 0
    difference: float = 0.0
    order_id: str | None = None


def compare(first: RiskModel, second: RiskModel, rows: Iterable[Row], policy: Policy) -> Comparison:
    """Compare what the models make of these rows; their features may stand in any order. Raises DifferentFeatures."""
    features, others = first.manifest.feature_names, second.manifest.feature_names
    if set(features) != set(others):
        raise DifferentFeatures(_without(features, others), _without(others, features))
    columns = [features.index(name) for name in others]
    found = Comparison()
    for chunk in chunks.decode(BatchValidator(features, chunks.CHUNK), rows):
        batch = chunk.decoded.batch
        one = score_batch(first, chunk.decoded, Options(policy))
        decoded, scores = one.decoded, one.scores
        reordered = replace(chunk.decoded, batch=Batch(batch.ids, batch.matrix[:, columns]))
        two = score_batch(second, reordered, Options(policy))
        other_decoded, other_scores = two.decoded, two.scores
        common, here, there = np.intersect1d(
            decoded.positions, other_decoded.positions, assume_unique=True, return_indices=True
        )
        alone = len(decoded.batch) + len(other_decoded.batch) - 2 * len(common)
        found.orders += len(common)
        found.alone += alone
        found.refused += len(chunk.read) + len(chunk.unread) - len(common) - alone
        before, after = scores.review[here], other_scores.review[there]
        found.to_review += int((after & ~before).sum())
        found.to_monitor += int((before & ~after).sum())
        differences = np.abs(scores.scores[here] - other_scores.scores[there])
        if differences.max(initial=0.0) > found.difference:
            widest = int(differences.argmax())
            found.difference, found.order_id = float(differences[widest]), decoded.batch.ids[here[widest]]
    return found


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]
