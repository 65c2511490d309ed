"""Records: {"orders": [{"order_id": "A-104", "backlog": 3, …}, …]}, an object an order."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields

from model.core.risk_model import RiskModel, Scores
from schemas.faults import Fault, told
from schemas.fields import Strict, Values
from schemas.result import header, results
from schemas.validation import BatchValidator, DecodedBatch


class Orders(Values):
    """A list of orders, which comes out Decoded."""

    def __init__(self, validator: BatchValidator, decode: Callable[[list[Any]], DecodedBatch | None]) -> None:
        size = {"minItems": 1, "maxItems": validator.max_orders}
        super().__init__(fields.Nested(validator.order), required=True, metadata=size, data_key="orders")
        self.max_orders = validator.max_orders
        self.decode = decode

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        orders = super()._deserialize(value, attr, data, **kwargs)
        if not orders:
            raise ValidationError("empty_batch")
        if len(orders) > self.max_orders:
            raise ValidationError("too_many_orders")
        return self.decode(orders)


def schema(validator: BatchValidator, *, whole: bool) -> Schema:
    """The schema of a body, which loads to {"decoded": Decoded}, or where `whole` suffers no fault in an order to None."""
    orders = Orders(validator, _typed(validator) if whole else validator.decode)
    return Strict.from_dict({"decoded": orders}, name="Records")()


def reader(validator: BatchValidator) -> Callable[[bytes], dict[str, Any]]:
    """Reads a body in which every name and type is right, into what the schema loads. Raises ValueError of any other."""
    names = {f"x{index}": name for index, name in enumerate(validator.features)}
    members = [("order_id", str), *((key, float) for key in names)]
    order = msgspec.defstruct("Order", members, rename=names, forbid_unknown_fields=True, gc=False)
    batch = msgspec.defstruct("Batch", [("orders", list[order])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(batch).decode
    return lambda body: {"orders": decode(body).orders}


def _typed(validator: BatchValidator) -> Callable[[list[Any]], DecodedBatch | None]:
    """The orders that `reader` has read, as a batch."""
    values = [_attribute(f"x{at}") for at in range(len(validator.features))]
    return lambda orders: validator.typed([order.order_id for order in orders], [value(orders) for value in values])


def _attribute(name: str) -> Callable[[list[Any]], list[Any]]:
    """Takes it of each order; twice as fast as an attrgetter, since the interpreter knows a name that stands in the code."""
    compiled: Callable[[list[Any]], list[Any]] = eval(f"lambda orders: [order.{name} for order in orders]")  # noqa: S307
    return compiled


def colons(orders: int, features: int) -> int:
    """How many colons a body has outside its strings if no name stands in it twice."""
    return 1 + orders * (features + 1)


def place(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault."""
    return ("orders", str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: str, *, partial: bool) -> bytes:
    """The answer: a result for each order, and in a partial one what was wrong with the others."""
    errors = told(decoded.faults, place) if partial else {}
    return msgspec.json.encode({**header(model, policy), "results": results(model, decoded, scores), **errors})


def example(model: RiskModel) -> dict[str, Any]:
    """A body that the model scores: the first order of its own self-test."""
    order = zip(model.manifest.feature_names, model.manifest.self_test.orders[0], strict=True)
    return {"orders": [{"order_id": "A-104", **dict(order)}]}
