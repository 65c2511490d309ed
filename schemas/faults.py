"""Faults of orders, and the problem document (RFC 9457) that reports them. Neither ever repeats a value."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

LONGEST_NAME = 128


class MalformedBody(ValueError):
    """A body is not in the format of its media type. The message says what is wrong and where."""


_OF_ORDERS = {
    "missing": "required, but missing",
    "null": "must not be null or empty",
    "unknown_name": "not a name that the model knows",
    "too_many_names": "has far more names than the model knows",
    "duplicate_key": "this name occurs more than once",
    "duplicate_order_id": "another order of the batch has the same order_id",
    "not_a_number": "must be a number, such as 12, -0.5 or 2e3",
    "not_finite": "must be a finite number within the range of a float64",
    "not_a_string": "must be a string of Unicode characters",
    "unknown_category": "not one of the categories that /model and delivery-risk model inspect list",
    "wrong_length": "must have 1 to 128 characters, a category 1 to 64",
    "control_character": "must not contain control characters, such as a line break or a tab",
    "unsupported_type": "the column has a type that is not accepted",
    "not_an_object": "must be a JSON object",
    "not_a_list": "must be a list",
    "empty_batch": "must contain at least one order",
    "wrong_count": "must have as many values as there are order_ids",
    "too_many_orders": "has more orders than a batch may have",
    "too_many_explained": "has more orders than can be explained at once",
    "not_explainable": "the model has no exact explanations",
    "out_of_range": "outside the range that the model was trained on",
    "out_of_numeric_range": "the inputs are finite, but too large for a finite score, or -1 or less where log1p is used",
}
_OF_TENSORS = {
    "wrong_shape": "must have another shape",
    "wrong_datatype": "must have another datatype",
    "wrong_size": "must have as many elements, or bytes, as its shape says",
    "unknown_parameter": "not a parameter that this service supports here",
    "invalid_parameter": "has a value that the parameter does not take",
}
_OF_FILES = {
    "reserved_name": "has a name that is reserved for results",
    "not_json": "must be a line of strict JSON",
    "not_csv": "must be valid CSV, with as many cells as the header",
    "ambiguous_decimal": "has a comma that may separate decimals or thousands; --decimal decides",
    "not_utf8": "contains bytes that are not of its encoding; --encoding decides",
}
_OF_OUTCOMES = {
    "not_a_boolean": "must be true or false",
    "not_a_time": "must be an RFC 3339 time with a zone, such as 2026-11-30T05:00:00Z",
}
CODES = _OF_ORDERS | _OF_TENSORS | _OF_FILES | _OF_OUTCOMES
"""The text of each code. A code is on the wire and never changes."""

BATCH_CODES = (*_OF_ORDERS, *_OF_TENSORS)
"""The codes of an order in a batch, or of the batch; the others are codes of rows in files and of outcomes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `code` of CODES, in the order at `position`, at `name` (None: the order as a whole).

    `order_id` is that of the order, if it is usable. A fault of the batch itself has no position: `path` has the steps from
    the top of the body to what is wrong, and `limit` is how many are allowed, if there are too many. `hint` is what to do.
    """

    code: str
    position: int | None = None
    name: str | None = None
    order_id: str | None = None
    path: tuple[str, ...] = ()
    limit: int | None = None
    hint: str | None = None


def _meanings(codes: Mapping[str, str]) -> str:
    return "; ".join(f"{code}: {text}" for code, text in codes.items()) + "."


class ErrorSchema(Schema):
    """One fault on the wire."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) to what is wrong."})
    order_id = fields.String(metadata={"description": "The order_id of the order, if it is usable."})
    code = fields.String(required=True, metadata={"enum": list(CODES), "description": _meanings(CODES)})
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """application/problem+json, RFC 9457."""

    type = fields.String(required=True, metadata={"description": "A URN, the same for every problem of a kind."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorSchema), metadata={"description": "The first 100 errors."})
    error_count = fields.Integer(metadata={"description": "How many errors there are."})


Locate = Callable[[Fault], tuple[str, ...]]
"""Gives the steps from the top of a body to an order's fault, in the format of the body."""


def error_list(faults: Iterable[Fault], locate: Locate) -> list[dict[str, str]]:
    """The faults as ErrorSchema has them. `pointer` is a JSON pointer (RFC 6901), in which a long name is cut."""
    errors = []
    for fault in faults:
        steps = fault.path if fault.position is None else locate(fault)
        error = {"pointer": "".join(map(_step, steps)), "code": fault.code, "detail": detail_of(fault)}
        if fault.order_id is not None:
            error["order_id"] = fault.order_id
        errors.append(error)
    return errors


def detail_of(fault: Fault) -> str:
    """What is wrong, and what to do."""
    detail = CODES[fault.code] if fault.limit is None else f"{CODES[fault.code]} (at most {fault.limit})"
    return detail if fault.hint is None else f"{detail}; {fault.hint}"


def error_members(faults: Sequence[Fault], locate: Locate, listed: Iterable[Fault]) -> dict[str, Any]:
    """The members `errors`, with those of the faults that are `listed`, and `error_count`, the number of all faults."""
    return {"errors": error_list(listed, locate), "error_count": len(faults)}


def _step(name: str) -> str:
    return "/" + name[:LONGEST_NAME].encode("utf-8", "replace").decode("utf-8").replace("~", "~0").replace("/", "~1")
