"""Records: {"orders": [{"order_id": "A-104", "backlog": 3, …}, …]}, an object an order."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from marshmallow import Schema, ValidationError, fields

from model.risk import RiskModel, Scores
from schemas.base import Strict
from schemas.contract import Contract, Decoded
from schemas.decision import header, results
from schemas.problem import Fault, error_list


class Orders(fields.List[Any]):
    """A list of orders, which comes out Decoded."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_list"}

    def __init__(self, contract: Contract, decode: Callable[[list[Any]], Decoded | None]) -> None:
        size = {"minItems": 1, "maxItems": contract.max_orders}
        super().__init__(fields.Nested(contract.order), required=True, metadata=size, data_key="orders")
        self.max_orders = contract.max_orders
        self.decode = decode

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not value:
            raise ValidationError("empty_batch")
        if len(value) > self.max_orders:
            raise ValidationError("too_many_orders")
        return self.decode(value)


def schema(contract: Contract, *, whole: bool) -> Schema:
    """The schema of a body, which loads to {"decoded": Decoded}, or where `whole` suffers no fault in an order to None."""
    orders = Orders(contract, contract.sound if whole else contract.decode)
    return Strict.from_dict({"decoded": orders}, name="Records")()


def colons(orders: int, features: int) -> int:
    """How many colons a body has outside its strings if no name stands in it twice."""
    return 1 + orders * (features + 1)


def place(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault."""
    return ("orders", str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(model: RiskModel, decoded: Decoded, scores: Scores, *, partial: bool) -> bytes:
    """The answer: a result for each order, and in a partial one what was wrong with the others."""
    errors = {"errors": error_list(decoded.faults, place), "error_count": len(decoded.faults)} if partial else {}
    return orjson.dumps({**header(model), "results": results(model, decoded, scores), **errors})
