"""Outcomes: what happened to orders, as clients send it and as the log keeps it, one line of JSON for each request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from marshmallow import Schema, fields

from schemas.decision_record import BadRecord
from schemas.faults import Fault
from schemas.fields import Flag, Moment, OrderId, Rows, Strict, Zoned, in_utc, usable_id
from schemas.row_faults import faults_of, find_errors

FORMAT = 1
"""The number `v` of the lines that this version writes."""

MEMBERS = 3
"""How many names an outcome may have beside its order id."""

EXAMPLE = {"outcomes": [{"order_id": "A-104", "late": True, "at": "2026-11-30T05:00:00Z", "acted_on": False}]}


class InvalidOutcomes(ValueError):
    """No outcome is taken, because of the `faults`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


class OutcomeSchema(Strict):
    """One outcome. An order may have several."""

    order_id = OrderId(required=True)
    late = Flag(required=True, metadata={"description": "Whether the order was late."})
    at = Moment(
        required=True,
        metadata={"description": "When this was known, with a zone. Of several outcomes of an order the last one counts."},
    )
    acted_on = Flag(
        allow_none=True,
        metadata={"description": "Whether somebody acted on the order. Default: whether it went to review."},
    )


class OutcomesSchema(Strict):
    """The body of a request."""

    outcomes = Rows(OutcomeSchema, None)


class ReceivedSchema(Schema):
    """The answer."""

    received = fields.Integer(required=True, metadata={"description": "How many outcomes are kept."})


class Outcomes(msgspec.Struct, frozen=True):
    """n outcomes in columns, in the order in which they came. `outcome_at` has when each was known, in UTC."""

    order_ids: list[str]
    late: list[bool]
    outcome_at: list[datetime]
    acted_on: list[bool | None]

    def __len__(self) -> int:
        return len(self.order_ids)


class OutcomeRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcomes of a request, received `at` this time, in the columns of Outcomes."""

    v: int
    at: Zoned
    request_id: str
    order_ids: list[str]
    late: list[bool]
    outcome_at: list[Zoned]
    acted_on: list[bool | None]
    caller: str | None = None

    def __len__(self) -> int:
        return len(self.order_ids)


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    order_id: str
    late: bool
    at: Zoned
    acted_on: bool | None = None


def load(rows: list[Any]) -> Outcomes:
    """The outcomes in these parsed objects. Raises InvalidOutcomes with all faults."""
    found = _plain(rows)
    if found is None:
        raise InvalidOutcomes(list(faults_of(find_errors(_schema, rows), rows)))
    return found


def _plain(rows: list[Any]) -> Outcomes | None:
    """The outcomes; None if any of them is invalid. It takes a tenth of the schema's time, which names the faults."""
    if any(getattr(row, "repeated", ()) for row in rows):
        return None
    try:
        found = msgspec.convert(rows, list[_Plain])
        ids, at = [each.order_id for each in found], [in_utc(each.at) for each in found]
    except (msgspec.ValidationError, UnicodeEncodeError, OverflowError):
        return None
    if not all(map(usable_id, ids)):
        return None
    return Outcomes(ids, [each.late for each in found], at, [each.acted_on for each in found])


def record(outcomes: Outcomes, at: datetime, request_id: str, caller: str | None = None) -> OutcomeRecord:
    """The record of outcomes that are received at this time."""
    columns = {name: getattr(outcomes, name) for name in Outcomes.__struct_fields__}
    return OutcomeRecord(v=FORMAT, at=at, request_id=request_id, caller=caller, **columns)


def dumps(record: OutcomeRecord) -> bytes:
    """The line of a record, with its line end."""
    return msgspec.json.encode(record) + b"\n"


def loads(line: bytes) -> OutcomeRecord:
    """The record of a line, with or without its line end. Raises BadRecord."""
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRecord("not an outcome record") from None
    if found.v != FORMAT:
        raise BadRecord(f"a record of format {found.v}, which this version does not know")
    if not len(found) == len(found.late) == len(found.outcome_at) == len(found.acted_on):
        raise BadRecord("columns of different lengths")
    return found


_schema = OutcomeSchema()
_decoder = msgspec.json.Decoder(OutcomeRecord)
