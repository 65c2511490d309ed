"""Errors of /v2 and /v1, in the form that clients of the Open Inference Protocol read: one text, and the faults as a list.

Clients show `error` alone, and some only where the Content-Type is exactly MEDIA_TYPE. So the text has the first faults too.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from marshmallow import Schema, fields

from schemas.faults import LONGEST_NAME, Fault, detail_of

MEDIA_TYPE = "application/json"
STATUSES = {422: 400}
"""The status of the protocols for one of this service."""

_PREFIXES = ("/v1", "/v2")
_MOST_NAMED, _MOST_LISTED = 5, 100


class ProtocolFaultSchema(Schema):
    """One fault of a batch."""

    row = fields.Integer(metadata={"description": "The row of the order, from 0."})
    field = fields.String(metadata={"description": "The input, or what else of the request is wrong."})
    order_id = fields.String()
    code = fields.String(required=True)
    message = fields.String(required=True)


class ProtocolErrorSchema(Schema):
    """An error, whose text clients show."""

    error = fields.String(required=True)
    code = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ProtocolFaultSchema))
    error_count = fields.Integer()


def has(path: str) -> bool:
    """Whether a path is one of the protocols."""
    return path[:3] in _PREFIXES and path[3:4] in ("", "/")


def encode(code: str, detail: str, faults: Sequence[Fault], request_id: str) -> bytes:
    """The body of an error."""
    named = "; ".join(map(_text, faults[:_MOST_NAMED]))
    more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
    text = f"{detail} {named}{more}." if named else detail
    body: dict[str, Any] = {"error": text, "code": code, "request_id": request_id}
    if faults:
        body |= {"errors": list(map(_member, faults[:_MOST_LISTED])), "error_count": len(faults)}
    return msgspec.json.encode(body)


def _member(fault: Fault) -> dict[str, Any]:
    row = {} if fault.position is None else {"row": fault.position}
    field = {"field": name} if (name := _field(fault)) else {}
    order_id = {} if fault.order_id is None else {"order_id": fault.order_id}
    return {**row, **field, **order_id, "code": fault.code, "message": detail_of(fault)}


def _text(fault: Fault) -> str:
    place = ", ".join(filter(None, ["" if fault.position is None else f"row {fault.position}", _field(fault)]))
    return f"{place}: {detail_of(fault)}" if place else detail_of(fault)


def _field(fault: Fault) -> str:
    """The name of what is wrong."""
    steps = fault.path[1:] if fault.path[:1] == ("inputs",) else fault.path
    return "/".join(map(_cut, steps if fault.name is None else (fault.name,)))


def _cut(name: str) -> str:
    return name[:LONGEST_NAME].encode("utf-8", "replace").decode()
