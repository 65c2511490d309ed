"""Explanations in the cells of CSV: the names of their columns, and the cells of a row."""

import math
from collections.abc import Collection, Sequence

import msgspec

from model.core.changes import Change
from schemas.explanation import MOST_REASONS, Explanation

Cell = float | str
_SEPARATOR = "; "


def names(inputs: Sequence[str], changed: Collection[str] | None) -> list[str]:
    """The names of the columns for a model with these inputs, and for the changes of some of them, if they are asked for."""
    contributions = [f"contribution_{name}" for name in inputs]
    reasons = [f"reason_{number}" for number in range(1, MOST_REASONS + 1)]
    return ["logit", "base", *contributions, *reasons, *(f"change_{name}" for name in changed or ())]


def cells(explanation: Explanation) -> list[Cell]:
    """The cells of an explanation. A number that is not finite, a value that is null and a reason too few are empty."""
    numbers = [each if math.isfinite(each) else "" for each in msgspec.structs.astuple(explanation.contributions)]
    reasons = [each.text for each in explanation.reasons]
    changes = [_change(each) for each in (explanation.changes or {}).values()]
    return [explanation.logit, explanation.base, *numbers, *reasons, *[""] * (MOST_REASONS - len(reasons)), *changes]


def _change(value: Change) -> Cell:
    if value is None:
        return ""
    return value if isinstance(value, float) else _SEPARATOR.join(value)
