"""Faults of rows: what a schema finds wrong with each of many objects, orders of a batch or outcomes."""

from collections.abc import Iterator, Mapping, Sequence
from traceback import clear_frames
from typing import Any, cast

from marshmallow import Schema, ValidationError

from schemas.faults import Fault
from schemas.fields import usable_id

SPARE_NAMES = 16
_OF_THE_ROW = ("not_an_object", "too_many_names")  # as a whole: such a fault has no name

Errors = dict[int, dict[str, list[str]]]
"""Codes by the position of a row, and then by name."""


def find_errors(schema: Schema, rows: Sequence[Any]) -> Errors:
    """The codes of each row with faults. Names that a strict_json.Object has twice are faults."""
    oversized = {position for position, row in enumerate(rows) if too_many_names(row, len(schema.fields))}
    errors: Errors = {}
    try:
        schema.load([{} if at in oversized else row for at, row in enumerate(rows)], many=True)
    except ValidationError as error:
        errors = cast(Errors, error.messages)
        clear_frames(error.__traceback__)  # one of them holds the error, which holds the rows
    for position, row in enumerate(rows):
        for name in () if position in oversized else getattr(row, "repeated", ()):
            errors.setdefault(position, {}).setdefault(name, []).append("duplicate_key")
    return errors | {position: {"_schema": ["too_many_names"]} for position in oversized}


def faults_of(errors: Mapping[int, Mapping[str, Sequence[str]]], rows: Sequence[Any]) -> Iterator[Fault]:
    """The faults of these errors, with the order ids that are usable."""
    return (
        Fault(code, position, None if code in _OF_THE_ROW else name, order_id_of(rows[position]))
        for position, by_name in errors.items()
        for name, codes in by_name.items()
        for code in codes
    )


def too_many_names(value: Any, known: int) -> bool:
    """Whether the value is an object with more than SPARE_NAMES names beyond the number of known ones."""
    return isinstance(value, dict) and len(value) > known + SPARE_NAMES


def order_id_of(row: Any) -> str | None:
    """The order id of a row, if it is usable."""
    value = row.get("order_id") if isinstance(row, dict) else None
    return value if usable_id(value) else None
