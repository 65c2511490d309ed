"""Decision view: a recorded decision about an order as its page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from model.core.manifest import Value
from service.decisions.order_decisions import OrderDecision
from service.offline.account import changed, unrounded, why
from service.ui.input_rows import InputChange, InputRow, input_rows
from service.ui.texts import MARKS, number

OMITTED = "omitted"
MOST = 50
"""So many decisions about an order are shown."""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A `decision`, `why` its order is in its queue, its inputs, the reasons in words, and what would change the queue.

    `reasons` is None where no explanation was recorded. `fault` says why one that was recorded is not shown.
    """

    decision: OrderDecision
    why: str
    rows: Sequence[InputRow]
    reasons: Sequence[str] | None = None
    base: float | None = None
    changes: Sequence[InputChange] = ()
    fault: str | None = None

    @property
    def explained(self) -> bool:
        """Whether what the inputs add was recorded."""
        return any(row.amount is not None for row in self.rows)


class _Reason(msgspec.Struct):
    text: str


class _Explanation(msgspec.Struct):
    """What is shown of an explanation."""

    base: float | None = None
    contributions: dict[str, float | None] = {}
    reasons: list[_Reason] = []
    changes: dict[str, float | list[str] | None] = {}


def view(decision: OrderDecision) -> DecisionView:
    """The view of a decision."""
    if decision.explanation is None:
        return DecisionView(decision, _why(decision), _rows(decision, {}))
    try:
        found = msgspec.convert(decision.explanation, _Explanation)
    except msgspec.ValidationError:
        return DecisionView(decision, _why(decision), _rows(decision, {}), fault="Its explanation cannot be read.")
    rows = _rows(decision, found.contributions)
    texts = {row.name: row.text or OMITTED for row in rows}
    values = dict.fromkeys(found.changes, OMITTED) if decision.values is None else decision.values
    changes = [InputChange(name, texts.get(name, ""), changed(values.get(name), to)) for name, to in found.changes.items()]
    return DecisionView(decision, _why(decision), rows, [each.text for each in found.reasons], found.base, changes)


def _rows(decision: OrderDecision, amounts: Mapping[str, float | None]) -> list[InputRow]:
    values: Mapping[str, Value] = decision.values or {}
    flagged = (name for what in MARKS for name in getattr(decision, what))
    names = dict.fromkeys([*values, *amounts, *flagged])
    return input_rows({name: _rounded(values[name]) if name in values else OMITTED for name in names}, amounts, decision)


def _rounded(value: Value) -> str:
    return number(value) if isinstance(value, float) else unrounded(value)


def _why(decision: OrderDecision) -> str:
    """One sentence, without its full stop."""
    selection: Mapping[str, Any] = decision.selection or {}
    if decision.holdout:
        return "The order was kept out of review, by the holdout"
    if decision.rank is None or "review_top" not in selection:
        return why(decision.score, decision.threshold, decision.queue).capitalize()
    of = f" of its {selection['by']}" if "by" in selection else ""
    return f"Rank {decision.rank}{of}; the first {selection['review_top']}{' of each' if of else ''} went to review"
