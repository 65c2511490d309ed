"""Decision: what goes back for a batch, as schemas for the document and as bytes for the wire."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from marshmallow import Schema, fields

from model.risk import RiskModel, Scores
from schemas.base import OrderId
from schemas.problem import ErrorSchema, Fault, error_list
from schemas.records import Decoded

QUEUES = ("monitor", "review")


class ResultSchema(Schema):
    """One order's decision."""

    order_id = OrderId(required=True)
    score = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1, "description": "The delay risk, unrounded."})
    queue = fields.String(required=True, metadata={"enum": list(QUEUES)})
    out_of_range = fields.List(
        fields.String(), metadata={"description": "Features outside the range that the model was trained on."}
    )


class DecisionSchema(Schema):
    """The answer to a batch: its results, in the order of the request, and the version that gave them."""

    model_name = fields.String(required=True)
    model_version = fields.String(required=True)
    model_sha256 = fields.String(required=True)
    threshold = fields.Float(required=True)
    results = fields.List(fields.Nested(ResultSchema), required=True)
    errors = fields.List(
        fields.Nested(ErrorSchema),
        metadata={"description": "With on_error=partial: every fault of the orders that have no result."},
    )
    error_count = fields.Integer(metadata={"description": "With on_error=partial: how many errors there are."})


def results(model: RiskModel, decoded: Decoded, scores: Scores) -> list[dict[str, Any]]:
    """A result per order of the batch, as ResultSchema has it."""
    rows = zip(decoded.batch.ids, scores.scores.tolist(), scores.review.tolist(), strict=True)
    found: list[dict[str, Any]] = [
        {"order_id": order_id, "score": score, "queue": QUEUES[review]} for order_id, score, review in rows
    ]
    names = model.manifest.feature_names
    for row in np.flatnonzero(scores.out_of_range.any(axis=1)):
        found[row]["out_of_range"] = [names[column] for column in np.flatnonzero(scores.out_of_range[row])]
    return found


def encode(model: RiskModel, decoded: Decoded, scores: Scores, pointer: Callable[[Fault], str] | None) -> bytes:
    """The answer as JSON. With `pointer` it is a partial one, which says what was wrong with the other orders."""
    answer: dict[str, Any] = {
        "model_name": model.manifest.name,
        "model_version": model.manifest.version,
        "model_sha256": model.sha256,
        "threshold": model.manifest.threshold,
        "results": results(model, decoded, scores),
    }
    if pointer is not None:
        answer |= {"errors": error_list(decoded.faults, pointer), "error_count": len(decoded.faults)}
    return orjson.dumps(answer)
