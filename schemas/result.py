"""Decision: what goes back for a batch, whatever the format."""

from typing import Any

import msgspec
import numpy as np
from marshmallow import Schema, fields

from model.core.risk_model import RiskModel, Scores
from schemas.faults import ErrorSchema
from schemas.fields import OrderId
from schemas.validation import DecodedBatch

QUEUES = ("monitor", "review")
POLICIES = ("review", "flag", "refuse")
POLICIES_TOLD = "An order outside the model's range goes to review whatever its score, is only flagged, or is refused"
_QUEUES = np.array(QUEUES, np.object_)


class ResultSchema(Schema):
    """One order's decision."""

    order_id = OrderId(required=True)
    score = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1, "description": "The delay risk, unrounded."})
    queue = fields.String(required=True, metadata={"enum": list(QUEUES)})
    out_of_range = fields.List(
        fields.String(), metadata={"description": "Features outside the range that the model was trained on."}
    )


def policy_field() -> fields.String:
    """What becomes of an order outside the model's range."""
    return fields.String(required=True, metadata={"enum": list(POLICIES), "description": f"{POLICIES_TOLD}."})


class AnswerSchema(Schema):
    """What every answer to a batch tells: by which version and policy it was made, and in a partial one what was refused."""

    model_name = fields.String(required=True)
    model_version = fields.String(required=True)
    model_sha256 = fields.String(required=True)
    threshold = fields.Float(required=True)
    out_of_range_policy = policy_field()
    errors = fields.List(
        fields.Nested(ErrorSchema),
        metadata={"description": "With on_error=partial: every fault of the orders that have no result."},
    )
    error_count = fields.Integer(metadata={"description": "With on_error=partial: how many errors there are."})


class DecisionSchema(AnswerSchema):
    """The answer to records: a result an order, in the order of the request."""

    results = fields.List(fields.Nested(ResultSchema), required=True)


class ColumnsDecisionSchema(AnswerSchema):
    """The answer to columns: an entry an order in each list, in the order of the request."""

    order_ids = fields.List(OrderId(), required=True)
    scores = fields.List(fields.Float(), required=True)
    queues = fields.List(fields.String(metadata={"enum": list(QUEUES)}), required=True)
    out_of_range = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Integer()),
        metadata={"description": "By feature: places in the lists of orders outside the range that training saw."},
    )


def header(model: RiskModel, policy: str) -> dict[str, Any]:
    """The version that answers, and the policy by which it does, as AnswerSchema has it."""
    manifest = model.manifest
    return {
        "model_name": manifest.name,
        "model_version": manifest.version,
        "model_sha256": model.sha256,
        "threshold": manifest.threshold,
        "out_of_range_policy": policy,
    }


def queues(scores: Scores) -> list[str]:
    """The queue of each order."""
    names: list[str] = _QUEUES.take(scores.review).tolist()
    return names


class Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One order's decision; `out_of_range` names the features that lie outside what training saw."""

    order_id: str
    score: float
    queue: str
    out_of_range: tuple[str, ...] = ()


def results(model: RiskModel, decoded: DecodedBatch, scores: Scores) -> list[Result]:
    """A Result for each order of the batch."""
    found = list(map(Result, decoded.batch.ids, scores.scores.tolist(), queues(scores)))
    if not np.count_nonzero(scores.out_of_range):
        return found
    names = model.manifest.feature_names
    for row in np.flatnonzero(scores.out_of_range.any(axis=1)).tolist():
        outside = tuple(names[column] for column in np.flatnonzero(scores.out_of_range[row]))
        found[row] = msgspec.structs.replace(found[row], out_of_range=outside)
    return found
