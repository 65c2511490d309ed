"""Rows: what a file of orders is read into, line by line, whatever its format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESULT_NAMES = ("score", "queue", "out_of_range")
REJECT_NAMES = ("refused_line", "refused_reason")
RESERVED_NAMES = frozenset((*RESULT_NAMES, *REJECT_NAMES))
"""Names of output columns: a model is not servable where a feature has one of them."""


class BadFile(ValueError):
    """The file as a whole cannot be scored; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order of a file: the `line` it starts on, from 1, and its `source`, the cells or the text as they stood.

    `order` is what the schema checks; `fault` is a code of problem.CODES where the line could not be read that far.
    """

    line: int
    source: Sequence[str]
    order: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None
