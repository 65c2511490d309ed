"""/ui/decisions: what was decided about an order, why, and what became of the order."""

from collections.abc import Sequence
from pathlib import Path

from flask import Response

from schemas.fields import usable_id
from service.decisions.reading import Line, NoLog
from service.ui import look_up
from service.ui.decision_view import MOST, DecisionView, view
from service.ui.look_up import Found, Held
from service.ui.visit import Visit

BAD_ID = "An order id has 1 to 128 characters, none of them a control character. Enter the id as it was sent to be scored."

_MOST_UNREAD = 20
"""So many lines and files that cannot be read are named."""


def find(visit: Visit) -> Response:
    """The form, and what the log has about the order that it asks for. Raises Problem 404 and 503."""
    order_id = visit.request.args.get("order")
    with look_up.turn(visit) as pace:
        folder = visit.components.settings.decision_log or ""
        if order_id is None:
            return _page(visit, held=look_up.held(folder, pace))
        if not usable_id(order_id):
            return _page(visit, 422, error=BAD_ID)
        found = look_up.order(folder, order_id, pace)
    return _page(visit, order_id=order_id, found=found, shown=list(map(view, found.decisions[:MOST])))


def _page(
    visit: Visit,
    status: int = 200,
    *,
    order_id: str = "",
    error: str | None = None,
    held: Held | None = None,
    found: Found | None = None,
    shown: Sequence[DecisionView] = (),
) -> Response:
    unread = [] if found is None else [_unread(*each) for each in found.unread[:_MOST_UNREAD]]
    return visit.page(
        "decisions.html", status, order_id=order_id, error=error, held=held, found=found, shown=shown, unread=unread
    )


def _unread(where: Line | NoLog, reason: str) -> str:
    """What cannot be read, by the name of its file without the folder, and why."""
    name = Path(where.path).name
    return f"{name}: line {where.number}: {reason}" if isinstance(where, Line) else f"{name}: {reason}"
