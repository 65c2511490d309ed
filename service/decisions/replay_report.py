"""Replay report: what the replay of some lines finds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.decision_record import RecordedModel


@dataclass(frozen=True, slots=True)
class FieldDiffers:
    """A field that differs, for so many `orders`, the first of which are `named`. 0 where it is not about single orders."""

    field: str
    orders: int
    named: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordDiffers:
    """A record that is not what its orders and its model give now, in the line of this `number`."""

    number: int
    decision_id: str
    fields: Sequence[FieldDiffers]


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no record, and why."""

    number: int
    reason: str


@dataclass(slots=True)
class Report:
    """What was found in some lines. `not_replayed` has lines by the reason, and how many records have it after the first.

    `arithmetic` counts the records by their number; `models` has those that were compared, and whether by bits.
    """

    records: int = 0
    orders: int = 0
    differing: list[RecordDiffers] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    not_replayed: dict[str, tuple[str, int]] = field(default_factory=dict)
    arithmetic: Counter[int] = field(default_factory=Counter)
    models: dict[RecordedModel, bool] = field(default_factory=dict)

    def leave_out(self, reason: str, line: str, records: int = 1) -> None:
        """Count records that cannot be replayed for this reason, the first of them in this line."""
        first, count = self.not_replayed.get(reason, (line, 0))
        self.not_replayed[reason] = first, count + records

    def add(self, other: "Report") -> None:
        """Add what was found in later lines, without the lists of them."""
        self.records += other.records
        self.orders += other.orders
        self.arithmetic += other.arithmetic
        self.models |= other.models
        for reason, (line, count) in other.not_replayed.items():
            self.leave_out(reason, line, count)
