"""Columns: {"order_ids": ["A-104", …], "columns": {"backlog": [3, …], …}}, one list for each feature."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from marshmallow import Schema, ValidationError, fields, post_load

from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.fields import OrderId, Strict, Values
from schemas.result import ScoredBatch, errors, header, queues
from schemas.validation import BatchValidator, DecodedBatch


def schema(validator: BatchValidator) -> Schema:
    """The schema of a body. It loads to {"decoded": …}, the batch with all faults."""
    size = {"minItems": 1, "maxItems": validator.max_orders}
    lists: dict[str, fields.Field[Any]] = {
        f"x{index}": Values(fields.Float(), required=True, metadata=size, data_key=name)
        for index, name in enumerate(validator.features)
    }
    by_feature = Strict.from_dict(lists, name="FeatureColumns")

    class Columns(Strict):
        order_ids = Values(OrderId(), required=True, metadata={**size, "uniqueItems": True})
        columns = fields.Nested(by_feature, required=True, error_messages={"required": "missing", "null": "null"})

        @post_load
        def to_batch(self, loaded: Mapping[str, Any], **kwargs: Any) -> dict[str, DecodedBatch]:
            ids, columns = loaded["order_ids"], [loaded["columns"][key] for key in lists]
            _check_sizes(validator, ids, columns)
            return {"decoded": validator.decode_columns(ids, columns)}

    return Columns()


def _check_sizes(validator: BatchValidator, ids: list[Any], columns: Sequence[list[Any]]) -> None:
    if not ids:
        raise ValidationError({"order_ids": ["empty_batch"]})
    if len(ids) > validator.max_orders:
        raise ValidationError({"order_ids": ["too_many_orders"]})
    wrong = [name for name, column in zip(validator.features, columns, strict=True) if len(column) != len(ids)]
    if wrong:
        raise ValidationError({"columns": {name: ["wrong_count"] for name in wrong}})


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault in a body of columns."""
    if fault.name in (None, "order_id"):
        return "order_ids", str(fault.position)
    return "columns", str(fault.name), str(fault.position)


def encode(scored: ScoredBatch) -> bytes:
    """The answer in lists with one entry for each valid order. `out_of_range`, if any, has their indices by feature."""
    answer = {
        **header(scored),
        "order_ids": scored.decoded.batch.ids,
        "scores": scored.scores.values,
        "queues": queues(scored),
        **({} if scored.scores.regular else _flagged(scored)),
        **errors(scored, locate),
    }
    return msgspec.json.encode(answer)


def _flagged(scored: ScoredBatch) -> dict[str, dict[str, list[int]]]:
    names, outside = scored.model.manifest.feature_names, scored.scores.out_of_range
    flagged = {names[at]: np.flatnonzero(outside[:, at]).tolist() for at in np.flatnonzero(outside.any(axis=0))}
    return {"out_of_range": flagged} if flagged else {}


def example(model: RiskModel) -> dict[str, Any]:
    """A body with the first order of the model's self-test."""
    order = zip(model.manifest.feature_names, model.manifest.self_test.orders[0], strict=True)
    return {"order_ids": ["A-104"], "columns": {name: [value] for name, value in order}}
