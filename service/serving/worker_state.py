"""Worker state: what each worker serves, in records that all workers share, so that any of them can report all.

There is a row for each slot of the shared counters. A name, a version and a file are bounded by their formats and a reason
by REASON, so the state of two roles always fits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

import msgspec

from model.registry.references import VersionReference
from service.shared.counters import SLOTS
from service.shared.records import SharedRecords

ROOM = 8192
REASON = 300


@dataclass(frozen=True)
class ServedVersion:
    """A model that is served: `file` is its file in the registry, empty where there is none."""

    name: str
    version: str
    sha256: str
    file: str


@dataclass(frozen=True)
class RoleState:
    """The champion or the challenger: what is `served`, what the registry says is `wanted`, and why the last change failed.

    `since` is when the last change succeeded, in seconds since 1970, for people. `change` is its number, higher than those of
    all earlier changes in any worker: what compares changes compares their numbers, since a clock may be set back.
    """

    served: ServedVersion | None = None
    wanted: VersionReference | None = None
    reason: str | None = None
    since: float = 0.0
    change: int = 0


@dataclass(frozen=True)
class WorkerState:
    """A worker's states by role, and whether the worker runs."""

    states: Mapping[str, RoleState]
    lives: bool = True


class WorkerStates:
    """Worker states by slot. Each slot is written by one worker at a time, and by the master once that worker is gone.

    The state with the last change of the champion is kept too, since the next worker of its slot begins with an older one.
    """

    def __init__(self) -> None:
        self._records = SharedRecords(ROOM, SLOTS)
        self._last = SharedRecords(ROOM)

    def write(self, slot: int, state: WorkerState) -> None:
        """Write the state of the slot. Raises ValueError where it is too large."""
        text, last = msgspec.json.encode(state), self._last.read()
        self._records.write(text, slot)
        if last is None or _state(last).states["champion"].change < state.states["champion"].change:
            self._last.write(text)

    def ended(self, slot: int) -> None:
        """Record that the worker of this slot is gone. What it served stays known."""
        text = self._records.read(slot)
        if text is not None:
            self.write(slot, replace(_state(text), lives=False))

    def all(self) -> Iterator[WorkerState]:
        """The state of every worker that ever ran, by slot."""
        return map(_state, self._records.texts())

    def last_champion(self) -> RoleState | None:
        """The state of the champion after its last change in any worker, whether that worker lives or not."""
        champions = (worker.states["champion"] for worker in self._known())
        return max(champions, key=lambda state: state.change, default=None)

    def next_change(self) -> int:
        """The number of a change that is made now."""
        return 1 + max((state.change for worker in self._known() for state in worker.states.values()), default=0)

    def _known(self) -> Iterator[WorkerState]:
        last = self._last.read()
        return chain(self.all(), () if last is None else (_state(last),))


def _state(text: bytes) -> WorkerState:
    return msgspec.json.decode(text, type=WorkerState)
