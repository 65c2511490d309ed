"""Scoring: the corridor's middle. A decoded batch goes in; it comes out with Scores for each order that has one."""

from dataclasses import replace
from typing import Literal

import numpy as np

from model.core.batch import Flags
from model.core.risk_model import RiskModel, Scores
from schemas.faults import Fault
from schemas.validation import DecodedBatch

Policy = Literal["review", "flag", "refuse"]


def score(model: RiskModel, decoded: DecodedBatch, policy: Policy) -> tuple[DecodedBatch, Scores]:
    """Score the batch. Orders whose sums overflow are refused, by the policy `refuse` also those out of range.

    By the policy `review` an order out of range goes to review whatever its score; by `flag` it is only named.
    """
    scores = model.score(decoded.batch)
    outside = np.count_nonzero(scores.out_of_range) > 0
    if np.count_nonzero(scores.finite) < len(scores.finite) or (outside and policy == "refuse"):
        decoded = decoded.refuse(_refusals(model, decoded, scores, policy))
        scores = model.score(decoded.batch)
    if outside:
        scores = replace(scores, review=review(scores, policy))
    return decoded, scores


def review(scores: Scores, policy: Policy) -> Flags:
    """(n,): which orders go to review, by their scores and the policy."""
    return scores.review | scores.out_of_range.any(axis=1) if policy == "review" else scores.review


def _refusals(model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: Policy) -> dict[int, list[Fault]]:
    names = model.manifest.feature_names
    outside = scores.out_of_range if policy == "refuse" else np.zeros_like(scores.out_of_range)
    overflown = ~scores.finite
    refused: dict[int, list[Fault]] = {}
    for row in np.flatnonzero(overflown | outside.any(axis=1)).tolist():
        position, order_id = decoded.positions[row], decoded.batch.ids[row]
        faults = [Fault("out_of_range", position, names[column], order_id) for column in np.flatnonzero(outside[row])]
        if overflown[row]:
            faults.append(Fault("out_of_numeric_range", position, None, order_id))
        refused[row] = faults
    return refused
