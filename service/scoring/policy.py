"""Policy: which orders go to review, by their scores and by the range of the model."""

from model.core.batch import Flags
from model.core.risk_model import Scores
from schemas.result import Policy


def review(scores: Scores, policy: Policy) -> Flags:
    """(n,): True where the score reaches the threshold, or where the policy is `review` and a feature is out of range."""
    return scores.review | scores.out_of_range.any(axis=1) if policy == "review" else scores.review
