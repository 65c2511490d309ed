"""The pure core of scoring: a decoded batch is scored by a model. It does no I/O, counts nothing and records nothing."""

from dataclasses import dataclass

import numpy as np

from model.core.batch import Flags, Floats
from model.core.few_rows import FewScores
from model.core.risk_model import RiskModel, Scores
from schemas.explanation import Explain
from schemas.faults import Fault
from schemas.holdout import Holdout
from schemas.result import Policy, ScoredBatch, flags
from schemas.validation import DecodedBatch
from service.scoring.holdout import Chooser, holdout_of
from service.scoring.selection import select_of_batch, without_holdout


@dataclass(frozen=True, slots=True)
class Options:
    """How a batch is scored: the `policy` for orders outside the model's range, and whether the answer may be `partial`.

    With `review_top` so many orders go to review, of each group by the context `by` of the model; else the threshold decides.
    `explain` says which orders are explained, and `changes` whether with what would change their queue. The `holdout` chooses
    orders that stay out of review.
    """

    policy: Policy
    partial: bool = False
    review_top: int | None = None
    by: str | None = None
    explain: Explain | None = None
    changes: bool = False
    holdout: Chooser | None = None


def score_batch(model: RiskModel, decoded: DecodedBatch, options: Options) -> ScoredBatch:
    """Score the valid orders of a batch.

    Orders whose sums overflow are rejected. By the policy `refuse`, orders outside the model's range are rejected too; by
    `review` they go to review, and by `flag` they are only named.
    """
    scores = model.score(decoded.batch)
    if isinstance(scores, Scores) and not scores.regular:
        if rejects := _rejects(model, decoded, scores, options.policy):
            decoded = decoded.without(rejects)
            scores = model.score(decoded.batch)
        if isinstance(scores, Scores):
            scores = scores.with_review(review(scores, options.policy))
    selection = None
    if options.review_top is not None:
        outside = np.any(scores.out_of_range, axis=1)
        selection = select_of_batch(decoded, scores.scores, outside, options.policy, options.review_top, options.by)
        scores = scores.with_review(selection.review)
    holdout = None
    if options.holdout is not None:
        holdout = holdout_of(options.holdout, decoded.batch.ids, scores)
        if holdout.orders:
            scores = scores.with_review(_without(scores.review, holdout))
            selection = selection and without_holdout(selection, decoded, scores)
    flagged = flags(model, decoded.batch, scores)
    return ScoredBatch(model, options.policy, decoded, scores, flagged, options.partial, selection, holdout=holdout)


def _without(review: Flags, holdout: Holdout) -> Flags:
    remaining = review.copy()
    remaining[holdout.orders] = False
    return remaining


def review(scores: Scores | FewScores, policy: Policy) -> Flags:
    """(n,): True where the score reaches the threshold, or where the policy is `review` and a feature is out of range."""
    return scores.review | scores.out_of_range.any(axis=1) if policy == "review" else scores.review


def _rejects(model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: Policy) -> dict[int, list[Fault]]:
    """The faults of each row that gets no score."""
    names = model.manifest.input_names
    outside = scores.out_of_range if policy == "refuse" else np.zeros_like(scores.out_of_range)
    overflown = ~scores.finite
    rejects: dict[int, list[Fault]] = {}
    for row in np.flatnonzero(overflown | outside.any(axis=1)).tolist():
        position, order_id = decoded.positions[row], decoded.batch.ids[row]
        faults = [Fault("out_of_range", position, names[column], order_id) for column in np.flatnonzero(outside[row])]
        if overflown[row]:
            faults.append(Fault("out_of_numeric_range", position, _without_logarithm(model, scores.zscores[row]), order_id))
        rejects[row] = faults
    return rejects


def _without_logarithm(model: RiskModel, zscores: Floats) -> str | None:
    """The first input whose feature has no value, which is the log1p of -1 or less; None if all features have values."""
    found = np.flatnonzero(np.isnan(zscores))
    return model.manifest.features[found[0]].of if len(found) else None
