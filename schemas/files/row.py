"""Rows: what the readers of all file formats return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESULT_NAMES = ("score", "queue", "out_of_range")
REJECT_NAMES = ("refused_line", "refused_reason")
RESERVED_NAMES = frozenset((*RESULT_NAMES, *REJECT_NAMES))
"""Names of output columns: a model is not servable where a feature has one of them."""


class BadFile(ValueError):
    """The file cannot be scored at all. The message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order of a file: the `line` it begins on, from 1, and its `source`, the cells or the text as they were.

    `order` is what is validated. If the row cannot be read as an order, `order` is empty and `fault` is a code of
    schemas.faults.CODES.
    """

    line: int
    source: Sequence[str]
    order: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None
