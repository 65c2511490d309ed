"""Explanations: how much each input of an order adds to its logit, the reasons in words, and what would change its queue."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from marshmallow import Schema, fields

from model.core.batch import Floats, Positions
from model.core.changes import Change

Explain: TypeAlias = Literal["review", "all"]
"""Which orders are explained: those that go to review, or all."""

EXPLAIN: tuple[Explain, ...] = get_args(Explain)
MOST_REASONS = 4
SIDES = ("above", "below")

_LOGIT = "The logit of the order; its score is the sigmoid of it."
_BASE = "The logit of the mean order of the training data, whose features are all at their means."
_CONTRIBUTION = (
    "What the input adds to the logit; below 0 it lowers the risk; null where it overflows a float64. "
    "base plus all contributions is the logit."
)
_REASONS = f"The inputs that raise the risk, the greatest contribution first; at most {MOST_REASONS}."
_CHANGES = (
    "With changes=true, by actionable input: the nearest value within its range that moves the score to the other side of the "
    "threshold while all other inputs stay, or null; of a category, the values that do. With review_top, and for an order out "
    "of range, the queue may not follow the threshold."
)
_NUMBER = fields.Float(allow_none=True)
_CHANGE = fields.Raw(allow_none=True, metadata={"type": ["number", "array"], "items": {"type": "string"}})


class ReasonSchema(Schema):
    """An input that raises the risk."""

    input = fields.String(required=True)
    contribution = fields.Float(required=True, metadata={"description": _CONTRIBUTION})
    side = fields.String(
        required=True,
        allow_none=True,
        metadata={"enum": [*SIDES, None], "description": "The side of its mean, of a number that is a feature as it is."},
    )
    text = fields.String(required=True, metadata={"description": "The input, and what kind of value it has."})


class ExplanationSchema(Schema):
    """Why an order has its score."""

    logit = fields.Float(required=True, metadata={"description": _LOGIT})
    base = fields.Float(required=True, metadata={"description": _BASE})
    contributions = fields.Dict(
        keys=fields.String(), values=_NUMBER, required=True, metadata={"description": f"By input. {_CONTRIBUTION}"}
    )
    reasons = fields.List(fields.Nested(ReasonSchema), required=True, metadata={"description": _REASONS})
    changes = fields.Dict(keys=fields.String(), values=_CHANGE, metadata={"description": _CHANGES})


class ExplanationsSchema(Schema):
    """Why orders have their scores: an entry for each order that is explained in each list, in the order of `orders`."""

    orders = fields.List(fields.Integer(), required=True, metadata={"description": "The indices of the orders."})
    logits = fields.List(fields.Float(), required=True, metadata={"description": _LOGIT})
    base = fields.Float(required=True, metadata={"description": _BASE})
    contributions = fields.Dict(
        keys=fields.String(),
        values=fields.List(_NUMBER),
        required=True,
        metadata={"description": f"By input. {_CONTRIBUTION}"},
    )
    reasons = fields.List(
        fields.List(fields.Nested(ReasonSchema)), required=True, metadata={"description": f"Of each order. {_REASONS}"}
    )
    changes = fields.Dict(keys=fields.String(), values=fields.List(_CHANGE), metadata={"description": _CHANGES})


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A reason, as ReasonSchema has it."""

    input: str
    contribution: float
    side: str | None
    text: str


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why one order has its score, as ExplanationSchema has it. `contributions` have a member for each input."""

    logit: float
    base: float
    contributions: msgspec.Struct
    reasons: Sequence[Reason]
    changes: dict[str, Change] | None = None


@lru_cache(maxsize=4)
def _contributions(inputs: tuple[str, ...]) -> type[msgspec.Struct]:
    """A struct with a number for each of these inputs, of which many are made and encoded in half the time of a dict."""
    names = {f"x{at}": name for at, name in enumerate(inputs)}
    return msgspec.defstruct("Contributions", [(name, float) for name in names], rename=names, frozen=True, gc=False)


class Explanations(msgspec.Struct, frozen=True, eq=False):
    """Why m of the orders of a batch have their scores: those in its `rows` (m,).

    `logits` are (m,), the `contributions` of the `inputs` (m, I); `reasons` and each of the `changes` by actionable input have
    m entries. `changes` are None where they are not asked for.
    """

    inputs: tuple[str, ...]
    rows: Positions
    logits: Floats
    base: float
    contributions: Floats
    reasons: Sequence[Sequence[Reason]]
    changes: Mapping[str, Sequence[Change]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def each(self, orders: int) -> list[Explanation | None]:
        """The explanation of each of so many orders, None for those without one."""
        contributions = map(_contributions(self.inputs), *self.contributions.T.tolist())
        columns = self.logits.tolist(), repeat(self.base), contributions, self.reasons, self._changes()
        found: list[Explanation | None] = [None] * orders
        for row, explanation in zip(self.rows.tolist(), map(Explanation, *columns), strict=True):
            found[row] = explanation
        return found

    def _changes(self) -> Iterable[dict[str, Change] | None]:
        """What would change the queue of each order."""
        if self.changes is None:
            return repeat(None)
        return [{name: column[at] for name, column in self.changes.items()} for at in range(len(self))]

    @property
    def columns(self) -> dict[str, Any]:
        """The explanations, as ExplanationsSchema has them."""
        changes = {} if self.changes is None else {"changes": self.changes}
        return {
            "orders": self.rows.tolist(),
            "logits": self.logits.tolist(),
            "base": self.base,
            "contributions": dict(zip(self.inputs, self.contributions.T.tolist(), strict=True)),
            "reasons": self.reasons,
            **changes,
        }
