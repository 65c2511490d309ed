"""Columns: {"order_ids": ["A-104", …], "columns": {"backlog": [3, …], …}}, a list a feature, answered in lists too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from marshmallow import Schema, ValidationError, fields, post_load

from model.core.risk_model import RiskModel, Scores
from schemas.faults import Fault, told
from schemas.fields import OrderId, Strict, Values
from schemas.result import header, queues
from schemas.validation import BatchValidator, DecodedBatch


def schema(validator: BatchValidator, *, whole: bool) -> Schema:
    """The schema of a body, which loads to {"decoded": Decoded}, or where `whole` suffers no fault in an order to None."""
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
        def decode(self, loaded: Mapping[str, Any], **kwargs: Any) -> dict[str, DecodedBatch | None]:
            ids, columns = loaded["order_ids"], [loaded["columns"][key] for key in lists]
            _check_sizes(validator, ids, columns)
            if whole:
                return {"decoded": validator.typed(ids, columns)}
            return {"decoded": validator.at_once(ids, columns) or validator.decode(_rows(validator, ids, columns))}

    return Columns()


def _check_sizes(validator: BatchValidator, ids: list[Any], columns: Sequence[list[Any]]) -> None:
    if not ids:
        raise ValidationError({"order_ids": ["empty_batch"]})
    if len(ids) > validator.max_orders:
        raise ValidationError({"order_ids": ["too_many_orders"]})
    wrong = [name for name, column in zip(validator.features, columns, strict=True) if len(column) != len(ids)]
    if wrong:
        raise ValidationError({"columns": {name: ["wrong_count"] for name in wrong}})


def _rows(validator: BatchValidator, ids: list[Any], columns: Sequence[list[Any]]) -> list[dict[str, Any]]:
    names = ("order_id", *validator.features)
    return [dict(zip(names, values, strict=True)) for values in zip(ids, *columns, strict=True)]


def reader(validator: BatchValidator) -> Callable[[bytes], dict[str, Any]]:
    """Reads a body in which every name and type is right, into what the schema loads. Raises ValueError of any other."""
    names = {f"x{index}": name for index, name in enumerate(validator.features)}
    lists = [(key, list[float]) for key in names]
    by_feature = msgspec.defstruct("FeatureColumns", lists, rename=names, forbid_unknown_fields=True)
    members = [("order_ids", list[str]), ("columns", by_feature)]
    columns = msgspec.defstruct("Columns", members, forbid_unknown_fields=True)
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(columns).decode

    def read(body: bytes) -> dict[str, Any]:
        found = decode(body)
        return {"order_ids": found.order_ids, "columns": {name: getattr(found.columns, key) for key, name in names.items()}}

    return read


def colons(orders: int, features: int) -> int:
    """How many colons a body has outside its strings if no name stands in it twice."""
    return 2 + features


def place(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault."""
    if fault.name in (None, "order_id"):
        return "order_ids", str(fault.position)
    return "columns", str(fault.name), str(fault.position)


def encode(model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: str, *, partial: bool) -> bytes:
    """The answer in lists, one entry an order; `out_of_range` has the places in them by feature, where there are any."""
    names = model.manifest.feature_names
    outside = {
        names[at]: np.flatnonzero(scores.out_of_range[:, at]).tolist() for at in np.flatnonzero(scores.out_of_range.any(axis=0))
    }
    answer = {
        **header(model, policy),
        "order_ids": decoded.batch.ids,
        "scores": scores.scores.tolist(),
        "queues": queues(scores),
        **({"out_of_range": outside} if outside else {}),
        **(told(decoded.faults, place) if partial else {}),
    }
    return msgspec.json.encode(answer)
