"""Results: a scored batch, and the parts of its answer that all formats share."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from marshmallow import Schema, fields

from model.core.few_rows import FewScores
from model.core.risk_model import RiskModel, Scores
from schemas.faults import ErrorSchema, Fault, Locate, error_members
from schemas.fields import OrderId
from schemas.validation import DecodedBatch

Policy = Literal["review", "flag", "refuse"]

QUEUES = ("monitor", "review")
POLICIES: tuple[Policy, ...] = get_args(Policy)
POLICIES_HELP = "Whether an order outside the model's range goes to review, is only flagged, or is rejected"
POLICY_FIELD = fields.String(required=True, metadata={"enum": list(POLICIES), "description": f"{POLICIES_HELP}."})
MOST_FURTHER = 1000
_QUEUES = np.array(QUEUES, np.object_)


class ResultSchema(Schema):
    """The result of one order."""

    order_id = OrderId(required=True)
    score = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1, "description": "The delay risk, unrounded."})
    queue = fields.String(required=True, metadata={"enum": list(QUEUES)})
    out_of_range = fields.List(
        fields.String(), metadata={"description": "The features outside the range that the model was trained on."}
    )


class AnswerSchema(Schema):
    """The members of every answer to a batch: the model version and the policy, and the errors of a partial answer."""

    model_name = fields.String(required=True)
    model_version = fields.String(required=True)
    model_sha256 = fields.String(required=True)
    threshold = fields.Float(required=True)
    out_of_range_policy = POLICY_FIELD
    errors = fields.List(
        fields.Nested(ErrorSchema),
        metadata={
            "description": "With on_error=partial: the first error of each order without a result, "
            f"and the first {MOST_FURTHER} of the other errors."
        },
    )
    error_count = fields.Integer(metadata={"description": "With on_error=partial: how many errors there are."})


class DecisionSchema(AnswerSchema):
    """The answer to records: a result for each order, in the order of the request."""

    results = fields.List(fields.Nested(ResultSchema), required=True)


class ColumnsDecisionSchema(AnswerSchema):
    """The answer to columns: an entry for each order in each list, in the order of the request."""

    order_ids = fields.List(OrderId(), required=True)
    scores = fields.List(fields.Float(), required=True)
    queues = fields.List(fields.String(metadata={"enum": list(QUEUES)}), required=True)
    out_of_range = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Integer()),
        metadata={"description": "By feature: the indices of the orders outside the range that the model was trained on."},
    )


class ScoredBatch(msgspec.Struct, frozen=True, eq=False):
    """A batch that `model` scored, with a `policy` for orders outside its range.

    `decoded` has the valid orders and the faults of the others. `scores` has a row for each valid order; the policy has set
    its review flag. A `partial` batch is answered even if some orders have faults.
    """

    model: RiskModel
    policy: Policy
    decoded: DecodedBatch
    scores: Scores | FewScores
    partial: bool = False

    @property
    def answerable(self) -> bool:
        """Whether the batch has no faults, or is partial and all its faults are of single orders."""
        faults = self.decoded.faults
        return not faults or (self.partial and all(fault.position is not None for fault in faults))

    @property
    def answered(self) -> int:
        """How many orders get a score."""
        return len(self.decoded.batch) if self.answerable else 0


def header(scored: ScoredBatch) -> dict[str, Any]:
    """The model version, its threshold and the policy, as AnswerSchema has them."""
    manifest = scored.model.manifest
    return {
        "model_name": manifest.name,
        "model_version": manifest.version,
        "model_sha256": scored.model.sha256,
        "threshold": manifest.threshold,
        "out_of_range_policy": scored.policy,
    }


def errors(scored: ScoredBatch, locate: Locate) -> dict[str, Any]:
    """The members `errors` and `error_count` of a partial answer; no members otherwise."""
    return error_members(scored.decoded.faults, locate, listed(scored)) if scored.partial else {}


def listed(scored: ScoredBatch) -> Iterator[Fault]:
    """The faults in a partial answer: the first of each order, and the first MOST_FURTHER of the others."""
    position: int | None = None
    further = 0
    for fault in scored.decoded.faults:
        if fault.position != position:
            position = fault.position
            yield fault
        elif further < MOST_FURTHER:
            further += 1
            yield fault


def queues(scored: ScoredBatch) -> list[str]:
    """The queue of each valid order."""
    if isinstance(scored.scores, FewScores):
        return [QUEUES[goes_to_review] for goes_to_review in scored.scores.flags]
    names: list[str] = _QUEUES.take(scored.scores.review).tolist()
    return names


class Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The result of one order. `out_of_range` names the features outside the range that the model was trained on."""

    order_id: str
    score: float
    queue: str
    out_of_range: tuple[str, ...] = ()


def results(scored: ScoredBatch) -> list[Result]:
    """A Result for each valid order, in the order of the batch."""
    found = list(map(Result, scored.decoded.batch.ids, scored.scores.values, queues(scored)))
    for row, names in out_of_range(scored).items():
        found[row] = msgspec.structs.replace(found[row], out_of_range=names)
    return found


def out_of_range(scored: ScoredBatch) -> dict[int, tuple[str, ...]]:
    """The features out of range of each order that has any, by its row."""
    if scored.scores.regular:
        return {}
    names, outside = scored.model.manifest.feature_names, scored.scores.out_of_range
    rows = np.flatnonzero(outside.any(axis=1)).tolist()
    return {row: tuple(names[column] for column in np.flatnonzero(outside[row])) for row in rows}
