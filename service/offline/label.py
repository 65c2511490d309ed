"""Label: the column of a file that says what happened to an order."""

from typing import Any

_LABELS = {0: False, 1: True, "false": False, "true": True}


def label_of(value: Any) -> bool | None:
    """Whether a label is true, as 1 or true, or false; None for any other value."""
    known = value.lower() if isinstance(value, str) else value
    return _LABELS.get(known) if isinstance(known, str | int | float) else None
