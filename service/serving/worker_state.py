"""Roster: what each worker serves, on a board that all workers share, so that any of them can tell of all.

There is a row for each slot of the tally. A name, a version and a file are bounded by their formats and a reason by REASON, so
an entry of the two roles always has room.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from model.registry.references import VersionReference
from service.shared.counters import SLOTS
from service.shared.records import SharedRecords

ROOM = 8192
REASON = 300


@dataclass(frozen=True)
class ServedVersion:
    """A model that is served: `file` is its name in the store, empty where there is none."""

    name: str
    version: str
    sha256: str
    file: str


@dataclass(frozen=True)
class RoleState:
    """A role of the lineup: what is `served`, what the store's pointer says is `wanted`, and why the last change failed.

    `since` is when the last change succeeded, in seconds since 1970.
    """

    served: ServedVersion | None = None
    wanted: VersionReference | None = None
    reason: str | None = None
    since: float = 0.0


@dataclass(frozen=True)
class WorkerState:
    """A worker's states by role, and whether the worker is there."""

    states: Mapping[str, RoleState]
    lives: bool = True


class WorkerStates:
    """Entries by slot; each slot is written by one worker at a time, and by the master once that worker is gone."""

    def __init__(self) -> None:
        self._records = SharedRecords(ROOM, SLOTS)

    def write(self, slot: int, entry: WorkerState) -> None:
        """Make this the entry of the slot. Raises ValueError where it has no room."""
        self._records.write(msgspec.json.encode(entry), slot)

    def ended(self, slot: int) -> None:
        """Tell that the worker of this slot is gone; what it served stays to be known."""
        text = self._records.read(slot)
        if text is not None:
            self.write(slot, replace(_entry(text), lives=False))

    def entries(self) -> Iterator[WorkerState]:
        """Every worker's that ever was, by slot."""
        return map(_entry, self._records.texts())

    def living(self) -> list[WorkerState]:
        """Those of the workers that are there now."""
        return [entry for entry in self.entries() if entry.lives]


def _entry(text: bytes) -> WorkerState:
    return msgspec.json.decode(text, type=WorkerState)
