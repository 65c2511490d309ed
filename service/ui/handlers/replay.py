"""/ui/replay: a recorded decision is scored again and compared. It is neither recorded nor counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Response

from model.core.arithmetic import ARITHMETIC
from schemas.decision_record import BadRecord, DecisionRecord, RecordedModel
from schemas.fields import usable_id
from service.decisions import model_files, recorded_orders
from service.decisions.comparison import CLOSE, Difference
from service.decisions.log_search import Searched
from service.decisions.model_files import KnownModel, NoModel
from service.decisions.pace import OutOfTime, Paced
from service.decisions.recorded_orders import NotReplayable
from service.decisions.scored_again import differences
from service.ui import look_up
from service.ui.handlers.decisions import BAD_ID
from service.ui.visit import Visit
from service.web.errors import Problem


@dataclass(frozen=True, slots=True)
class FieldDiffers:
    """A field that differs: for this order or for other ones, so many. 0 where it is not about single orders."""

    field: str
    this: bool
    others: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What scoring a record again has shown: how it was compared and what differs; or the `reason` why that was not done."""

    record: DecisionRecord | None
    searched: Searched
    compared: str = ""
    fields: Sequence[FieldDiffers] = ()
    reason: str | None = None


def replay(visit: Visit) -> Response:
    """Whether a decision is what its order and its model give now. Raises Problem 404, 422 and 503."""
    fields = visit.form().fields
    decision_id, order_id = fields.get("decision", ""), fields.get("order", "")
    with look_up.turn(visit) as pace:
        if not usable_id(order_id):
            raise Problem(422, BAD_ID)
        if not usable_id(decision_id):
            raise Problem(422, "This is no decision id. Open the page of the order, and replay the decision from there.")
        found = look_up.record(visit.components.settings.decision_log or "", decision_id, order_id, pace)
        replayed = _replayed(visit, found, order_id, pace)
    return visit.page(
        "replay.html", order_id=order_id, decision_id=decision_id, replayed=replayed, record=found.record, arithmetic=ARITHMETIC
    )


def _replayed(visit: Visit, found: look_up.FoundRecord, order_id: str, pace: Paced) -> Replayed:
    record, searched = found.record, found.searched
    if record is None:
        return Replayed(None, searched)
    try:
        recorded_orders.require_complete(record)
        recorded_orders.require_replayable(record)
        known = _known(visit, record.model, pace)
        different = differences(known, record)
    except BadRecord as error:
        return Replayed(record, searched, reason=f"The record cannot be read: {error}.")
    except NotReplayable as error:
        return Replayed(record, searched, reason=f"What made its scores is not in the record: {error}.")
    except NoModel as error:
        return Replayed(record, searched, reason=f"Its model cannot be had: {error}.")
    except OutOfTime:
        return Replayed(record, searched, reason="There was no time to find its model among all model files.")
    compared = "by bits" if known.exact else f"to {CLOSE}, since the model has tanh or gelu layers"
    return Replayed(record, searched, compared, [*_fields(record, different, order_id)])


def _known(visit: Visit, recorded: RecordedModel, pace: Paced) -> KnownModel:
    """The model of a record: one that is active, or from the file or registry that is served. Raises NoModel and OutOfTime."""
    active = visit.active
    for model in (active.champion.model, active.challenger):
        if model is not None and model.sha256 == recorded.sha256:
            return model_files.known(model)
    return model_files.find(visit.components.settings.model, recorded, pace)


def _fields(record: DecisionRecord, different: Sequence[Difference], order_id: str) -> Iterator[FieldDiffers]:
    at = (record.order_ids or ()).index(order_id)
    for each in different:
        yield FieldDiffers(each.field, at in each.orders, len(each.orders) - (at in each.orders))
