"""Latest outcomes: of several outcomes of an order the one that was known last, read from a log in one pass.

Of those known at the same moment the one received last counts, then the one later in its request.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schemas.decision_record import BadRecord
from schemas.outcome import OutcomeRecord, loads
from service.decisions import reading

Received = tuple[datetime, datetime, str, int]
"""When an outcome was known and when it was received, the id of its request, and its place there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an order, and `at` which time it was known."""

    at: datetime
    late: bool
    acted_on: bool | None


class LatestOutcomes:
    """The `outcomes` that count, by order id; and how many lines were `torn` or `unreadable`."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.torn = self.unreadable = 0
        self._received: dict[str, Received] = {}

    def add(self, record: OutcomeRecord) -> None:
        """Take the outcomes of a record that count among those so far."""
        columns = zip(record.order_ids, record.outcome_at, record.late, record.acted_on, strict=True)
        for place, (order_id, at, late, acted_on) in enumerate(columns):
            received = (at, record.at, record.request_id, place)
            if order_id not in self._received or self._received[order_id] < received:
                self._received[order_id] = received
                self.outcomes[order_id] = Outcome(at, late, acted_on)


def latest_outcomes(files: Iterable[Path]) -> LatestOutcomes:
    """The outcomes of these files, in any order. A file may have decisions too. Raises NoLog."""
    found = LatestOutcomes()
    for path in files:
        of_outcomes = path.name.startswith(f"{reading.OUTCOMES}-")
        for line in reading.lines(path):
            if line.torn:
                found.torn += of_outcomes
                continue
            try:
                found.add(loads(line.text))
            except BadRecord:
                found.unreadable += of_outcomes
    return found
