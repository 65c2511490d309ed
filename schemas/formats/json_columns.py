"""Columns: {"order_ids": ["A-104", …], "columns": {"backlog": [3, …], …}}, one list for each input."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields, post_load

from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.fields import ContextText, OrderId, Strict, Values, ignored_field, input_field
from schemas.formats import json_records
from schemas.result import ScoredBatch, errors, flagged, header, queues, selection
from schemas.validation import BatchValidator, DecodedBatch


def schema(validator: BatchValidator) -> Schema:
    """The schema of a body. It loads to {"decoded": …}, the batch with all faults."""
    size = {"minItems": 1, "maxItems": validator.max_orders}
    lists: dict[str, fields.Field[Any]] = {
        f"x{index}": Values(input_field(each), required=not each.optional, metadata=size, data_key=each.name)
        for index, each in enumerate(validator.inputs)
    }
    lists |= {f"c{index}": Values(ContextText(), metadata=size, data_key=name) for index, name in enumerate(validator.contexts)}
    ignored = {f"i{index}": ignored_field(name) for index, name in enumerate(validator.also_accepts)}
    by_feature = Strict.from_dict(lists | ignored, name="FeatureColumns")

    class Columns(Strict):
        order_ids = Values(OrderId(), required=True, metadata={**size, "uniqueItems": True})
        columns = fields.Nested(by_feature, required=True, error_messages={"required": "missing", "null": "null"})

        @post_load
        def to_batch(self, loaded: Mapping[str, Any], **kwargs: Any) -> dict[str, DecodedBatch]:
            ids = loaded["order_ids"]
            columns = [loaded["columns"].get(key, [None] * len(ids)) for key in lists]
            _check_sizes(validator, ids, columns)
            return {"decoded": validator.decode_columns(ids, columns)}

    return Columns()


def _check_sizes(validator: BatchValidator, ids: list[Any], columns: Sequence[list[Any]]) -> None:
    if not ids:
        raise ValidationError({"order_ids": ["empty_batch"]})
    if len(ids) > validator.max_orders:
        raise ValidationError({"order_ids": ["too_many_orders"]})
    wrong = [name for name, column in zip(validator.names, columns, strict=True) if len(column) != len(ids)]
    if wrong:
        raise ValidationError({"columns": {name: ["wrong_count"] for name in wrong}})


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault in a body of columns."""
    if fault.name in (None, "order_id"):
        return "order_ids", str(fault.position)
    return "columns", str(fault.name), str(fault.position)


def encode(scored: ScoredBatch) -> bytes:
    """The answer in lists with one entry for each valid order, and the indices of those whose result names inputs."""
    answer = {
        **header(scored),
        **selection(scored),
        "order_ids": scored.decoded.batch.ids,
        "scores": scored.scores.values,
        "queues": queues(scored),
        **({} if scored.selection is None else {"ranks": scored.selection.ranks.tolist()}),
        **flagged(scored),
        **({"context": scored.decoded.context} if scored.decoded.context else {}),
        **({} if scored.explanations is None else {"explanations": scored.explanations.columns}),
        **({} if scored.holdout is None else {"holdout": scored.holdout.orders}),
        **errors(scored, locate),
    }
    return msgspec.json.encode(answer)


def example(model: RiskModel) -> dict[str, Any]:
    """A body with the first order of the model's self-test, and a value of each context."""
    ((_, order_id), *values) = json_records.example(model)["orders"][0].items()
    return {"order_ids": [order_id], "columns": {name: [value] for name, value in values}}
