"""Records: {"orders": [{"order_id": "A-104", "backlog": 3, …}, …]}, one object for each order."""

from collections.abc import Mapping
from typing import Any

import msgspec
from marshmallow import Schema

from model.core.risk_model import RiskModel
from schemas.faults import Fault
from schemas.fields import Rows, Strict
from schemas.result import ScoredBatch, errors, header, results, selection
from schemas.validation import BatchValidator


class Orders(Rows):
    """A list of orders. It loads to the batch that the validator decodes."""

    def __init__(self, validator: BatchValidator) -> None:
        super().__init__(validator.order, validator.max_orders, data_key="orders")
        self.validator = validator

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return self.validator.decode(super()._deserialize(value, attr, data, **kwargs))


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
