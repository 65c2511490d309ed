"""The decisions about one order, found in decision logs."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from model.core.manifest import Value
from schemas.decision_record import BadRecord, DecisionRecord, RecordedModel, Values, loads, unpack
from schemas.result import NAMED, Policy
from service.decisions.pace import Paced, unbounded
from service.decisions.reading import Line, NoLog, lines_with


class OrderDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one record says about one order. Of an explanation it has the members that an answer has."""

    at: datetime
    decision_id: str
    request_id: str
    order_id: str
    model: RecordedModel
    score: float
    logit: float
    queue: str
    threshold: float
    policy: Policy
    service_version: str
    caller: str | None = None
    values: dict[str, Value] | None = None
    context: dict[str, str] = {}
    out_of_range: list[str] = []
    imputed: list[str] = []
    unknown: list[str] = []
    selection: dict[str, Any] | None = None
    rank: int | None = None
    explanation: dict[str, Any] | None = None
    holdout: bool = False


Unread: TypeAlias = tuple[Line | NoLog, str]
"""A line that has the order id or the rest of a file, and why it cannot be read."""


def find(files: Iterable[Path], order_id: str) -> tuple[Sequence[OrderDecision], Sequence[Unread]]:
    """The decisions about an order, oldest first, and what cannot be read."""
    found: list[OrderDecision] = []
    unread: list[Unread] = []
    for path in files:
        for item in in_file(path, order_id):
            if isinstance(item, OrderDecision):
                found.append(item)
            else:
                unread.append(item)
    found.sort(key=age)
    return found, unread


def age(decision: OrderDecision) -> tuple[datetime, str]:
    """What decisions are sorted by, the oldest first."""
    return decision.at, decision.decision_id


def in_file(path: Path, order_id: str, pace: Paced = unbounded) -> Iterator[OrderDecision | Unread]:
    """The decisions about an order in a file, and what cannot be read of it."""
    try:
        for line in lines_with(path, msgspec.json.encode(order_id), pace):
            if not line.torn:
                try:
                    yield from of_record(loads(line.text), order_id)
                except BadRecord as error:
                    yield line, str(error)
    except NoLog as error:
        yield error, error.reason


def of_record(record: DecisionRecord, order_id: str) -> Iterator[OrderDecision]:
    """The decision of a record about an order, if it has the order. Raises BadRecord."""
    if record.order_ids is None or record.generated_ids or order_id not in record.order_ids:
        return
    at, orders = record.order_ids.index(order_id), len(record)

    def number(column: Values) -> float:
        return float(unpack(column, orders)[at])

    try:
        flags = {what: [name for name, rows in getattr(record, what).items() if at in rows] for what in NAMED}
        context = {name: text for name, texts in record.context.items() if (text := texts[at]) is not None}
        yield OrderDecision(
            at=in_utc(record.at),
            decision_id=record.decision_id,
            request_id=record.request_id,
            order_id=order_id,
            model=record.model,
            score=number(record.scores),
            logit=number(record.logits),
            queue=record.queues[at],
            threshold=record.threshold,
            policy=record.policy,
            service_version=record.service_version,
            caller=record.caller,
            values=None if record.values is None else dict(zip(record.inputs, _values(record, at), strict=True)),
            context=context,
            **flags,
            selection=record.selection,
            rank=None if record.ranks is None else record.ranks[at],
            explanation=_explanation(record, at),
            holdout=record.holdout is not None and at in record.holdout.orders,
        )
    except (IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise error if isinstance(error, BadRecord) else BadRecord("a record that lacks some of its orders") from None


def in_utc(at: datetime) -> datetime:
    """The time of a record, if it can be compared with others. Raises BadRecord."""
    if at.tzinfo is not None:
        with suppress(OverflowError):
            return at.astimezone(UTC)
    raise BadRecord("a time without a zone, or out of range")


def _values(record: DecisionRecord, at: int) -> Iterator[Value]:
    for column in record.values or ():
        value = float(unpack(column, len(record))[at]) if isinstance(column, bytes) else column[at]
        yield None if isinstance(value, float) and math.isnan(value) else value


def _explanation(record: DecisionRecord, at: int) -> dict[str, Any] | None:
    """The entry of an order in the columns of explanations, None where it has none."""
    if record.explanations is msgspec.UNSET:
        return None
    columns = msgspec.json.decode(record.explanations)
    if at not in columns["orders"]:
        return None
    row = columns["orders"].index(at)
    entries = {
        name: {each: column[row] for each, column in columns[name].items()}
        for name in ("contributions", "changes")
        if name in columns
    }
    return {"base": columns["base"], "reasons": columns["reasons"][row]} | entries
