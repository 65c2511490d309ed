"""Records: {"orders": [{"order_id": "A-104", "backlog": 3, …}, …]}, one object for each order."""

from collections.abc import Mapping
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields

from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.fields import Strict, Values
from schemas.result import ScoredBatch, errors, header, results, selection
from schemas.validation import BatchValidator


class Orders(Values):
    """A list of orders. It loads to the batch that the validator decodes."""

    def __init__(self, validator: BatchValidator) -> None:
        size = {"minItems": 1, "maxItems": validator.max_orders}
        super().__init__(fields.Nested(validator.order), required=True, metadata=size, data_key="orders")
        self.validator = validator

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        orders = super()._deserialize(value, attr, data, **kwargs)
        if not orders:
            raise ValidationError("empty_batch")
        if len(orders) > self.validator.max_orders:
            raise ValidationError("too_many_orders")
        return self.validator.decode(orders)


def schema(validator: BatchValidator) -> Schema:
    """The schema of a body. It loads to {"decoded": …}, the batch with all faults."""
    return Strict.from_dict({"decoded": Orders(validator)}, name="Records")()


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault in a body of records."""
    return ("orders", str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(scored: ScoredBatch) -> bytes:
    """The answer: a result for each valid order; in a partial answer also the errors of the others."""
    answer = {**header(scored), **selection(scored), "results": results(scored), **errors(scored, locate)}
    return msgspec.json.encode(answer)


def example(model: RiskModel) -> dict[str, Any]:
    """A body with the first order of the model's self-test, and a value of each context."""
    manifest = model.manifest
    order = dict(zip(manifest.input_names, manifest.self_test.orders[0], strict=True))
    return {"orders": [{"order_id": "A-104", **order, **{each.name: each.values[0] for each in manifest.context}}]}
