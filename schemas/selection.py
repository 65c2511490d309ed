"""Selection: which orders of a batch go to review where people can review only so many of them."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from marshmallow import Schema, fields

from model.core.batch import Flags

Integers: TypeAlias = npt.NDArray[np.int64]

_LOWEST = "The lowest score that goes to review, of orders in range; null where none does."


class GroupSchema(Schema):
    """The orders of a batch with one value of the context in `by`."""

    value = fields.String(
        required=True, allow_none=True, metadata={"description": "The value; null for the orders without the context."}
    )
    orders = fields.Integer(required=True, metadata={"minimum": 1, "description": "How many orders of the group have a score."})
    review = fields.Integer(required=True, metadata={"minimum": 0, "description": "How many of them go to review."})
    lowest_score = fields.Float(required=True, allow_none=True, metadata={"description": _LOWEST})


class SelectionSchema(Schema):
    """With review_top: how the orders for review were selected."""

    review_top = fields.Integer(
        required=True,
        metadata={"minimum": 1, "description": "How many orders go to review, of each group where `by` is given."},
    )
    by = fields.String(metadata={"description": "The context whose values make the groups."})
    lowest_score = fields.Float(required=True, allow_none=True, metadata={"description": _LOWEST})
    groups = fields.List(
        fields.Nested(GroupSchema),
        metadata={
            "description": "With `by`: the groups by value in the order of code points; the orders without one are last."
        },
    )


class Group(msgspec.Struct, frozen=True, gc=False):
    """A group, as GroupSchema has it."""

    value: str | None
    orders: int
    review: int
    lowest_score: float | None


class Selection(msgspec.Struct, frozen=True, eq=False):
    """The first `review_top` orders go to review, of each of the `groups` by the context `by`; None is one group of all.

    `ranks` (n,) are the places of the orders in their groups, from 1. `review` (n,) says which go to review: a holdout keeps
    some of the first ones out of it, and none takes their place.
    """

    review_top: int
    by: str | None
    ranks: Integers
    review: Flags
    groups: Sequence[Group]

    @property
    def reviews(self) -> int:
        """How many orders go to review."""
        return sum(group.review for group in self.groups)

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for, by the names of the query."""
        return {"review_top": self.review_top} | ({} if self.by is None else {"by": self.by})

    @property
    def account(self) -> dict[str, Any]:
        """The selection, as SelectionSchema has it."""
        lowest = min((group.lowest_score for group in self.groups if group.lowest_score is not None), default=None)
        groups = {} if self.by is None else {"groups": list(map(msgspec.structs.asdict, self.groups))}
        return self.options | {"lowest_score": lowest} | groups
