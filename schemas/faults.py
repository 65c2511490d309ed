"""Faults of orders and the problem document (RFC 9457) that tells them. Neither ever repeats a value."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

LONGEST_NAME = 128


class MalformedBody(ValueError):
    """A body is not in the format that it claims. The message says what is wrong and where."""


CODES = {
    "missing": "required, but missing",
    "null": "must not be null or empty",
    "unknown_name": "not a name that the model knows",
    "too_many_names": "holds far more names than the model knows",
    "duplicate_key": "the name stands more than once in the same object",
    "duplicate_order_id": "another order of the batch has the same order_id",
    "not_a_number": "must be a JSON number",
    "not_finite": "must be a finite number within the range of a float64",
    "not_a_string": "must be a string of Unicode characters",
    "wrong_length": "must have 1 to 128 characters",
    "not_an_object": "must be a JSON object",
    "not_a_list": "must be a list",
    "empty_batch": "must hold at least one order",
    "wrong_count": "must hold as many values as there are order_ids",
    "too_many_orders": "holds more orders than a batch may have",
    "out_of_range": "outside the range that the model was trained on",
    "out_of_numeric_range": "the features are finite, but so large that the score is not",
    "reserved_name": "holds a name that the answer uses",
    "not_json": "not a line of strict JSON",
    "not_csv": "not a row of the header's length, or not sound CSV",
    "not_utf8": "holds bytes that are not UTF-8",
}


BATCH_CODES = tuple(code for code in CODES if code not in ("reserved_name", "not_json", "not_csv", "not_utf8"))
"""Those that an order of a batch may have, or the batch; the others are of lines in files."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: `code` of CODES, in the order at `position`, at `name` (None: all of the order).

    `order_id` is the order's own where it has a usable one. Where the batch itself is at fault, `position` is None and
    `path` has the steps to the place in the body, and `most` is how many there may be, where there are too many.
    """

    code: str
    position: int | None = None
    name: str | None = None
    order_id: str | None = None
    path: tuple[str, ...] = ()
    most: int | None = None

    @property
    def detail(self) -> str:
        return CODES[self.code] if self.most is None else f"{CODES[self.code]} (at most {self.most})"


class ErrorSchema(Schema):
    """One fault on the wire."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer to the place (RFC 6901)."})
    order_id = fields.String(metadata={"description": "The order's own id, where it has a usable one."})
    code = fields.String(required=True, metadata={"enum": list(CODES)})
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """application/problem+json, RFC 9457."""

    type = fields.String(required=True, metadata={"description": "A URN that is the same for every problem of a kind."})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorSchema), metadata={"description": "The first 100 faults."})
    error_count = fields.Integer(metadata={"description": "How many faults there are in truth."})


Locate = Callable[[Fault], tuple[str, ...]]
"""The steps from the top of a body to where an order's fault is, in the body's own format."""


def error_list(faults: Iterable[Fault], locate: Locate) -> list[dict[str, str]]:
    """The faults as ErrorSchema has them, with their places as JSON pointers (RFC 6901); a long name in one is cut."""
    errors = []
    for fault in faults:
        steps = fault.path if fault.position is None else locate(fault)
        error = {"pointer": "".join(map(_step, steps)), "code": fault.code, "detail": fault.detail}
        if fault.order_id is not None:
            error["order_id"] = fault.order_id
        errors.append(error)
    return errors


def described(faults: Sequence[Fault], locate: Locate, most: int | None = None) -> dict[str, Any]:
    """`errors`, no more than `most` of them, and beside them `error_count`, how many there are in truth."""
    return {"errors": error_list(faults[:most], locate), "error_count": len(faults)}


def _step(name: str) -> str:
    return "/" + name[:LONGEST_NAME].encode("utf-8", "replace").decode("utf-8").replace("~", "~0").replace("/", "~1")
