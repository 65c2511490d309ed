"""Input rows: the inputs of an order as tables show them, those that add most to its logit first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.result import Result
from service.decisions.order_decisions import OrderDecision
from service.ui.texts import MARKS, parts_of


@dataclass(frozen=True, slots=True)
class InputRow:
    """An input: its value as text; what was unusual; and what it adds to the logit, if known.

    `part` is the amount as a part of the largest one, from -1 to 1.
    """

    name: str
    text: str
    marks: Sequence[str]
    amount: float | None
    part: float


@dataclass(frozen=True, slots=True)
class InputChange:
    """What an input has to become, from what it is, so that the order changes its queue; as texts."""

    name: str
    before: str
    after: str


def input_rows(texts: Mapping[str, str], amounts: Mapping[str, float | None], of: Result | OrderDecision) -> list[InputRow]:
    """The rows of the inputs with these texts. `of` names what was unusual. A mark that the text has is left out."""
    found = [amounts.get(name) for name in texts]
    flagged = [(mark, getattr(of, what)) for what, mark in MARKS.items()]
    rows = [
        InputRow(name, text, [mark for mark, names in flagged if name in names and mark != text], amount, part)
        for (name, text), amount, part in zip(texts.items(), found, parts_of(found), strict=True)
    ]
    return sorted(rows, key=lambda row: -abs(row.part))
