"""Roster: what each worker serves, on a board that all workers share, so that any of them can tell of all.

There is a row for each slot of the tally. A name, a version and a file are bounded by their formats and a reason by REASON, so
an entry of the two roles always has room.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from model.pointer import Pointer
from service.board import Board
from service.tally import SLOTS

ROOM = 8192
REASON = 300


@dataclass(frozen=True)
class Version:
    """A model that is served: `file` is its name in the store, empty where there is none."""

    name: str
    version: str
    sha256: str
    file: str


@dataclass(frozen=True)
class State:
    """A role of the lineup: what is `served`, what the store's pointer says is `wanted`, and why the last change failed.

    `since` is when the last change succeeded, in seconds since 1970.
    """

    served: Version | None = None
    wanted: Pointer | None = None
    reason: str | None = None
    since: float = 0.0


@dataclass(frozen=True)
class Entry:
    """A worker's states by role, and whether the worker is there."""

    states: Mapping[str, State]
    lives: bool = True


class Roster:
    """Entries by slot; each slot is written by one worker at a time, and by the master once that worker is gone."""

    def __init__(self) -> None:
        self._board = Board(ROOM, SLOTS)

    def write(self, slot: int, entry: Entry) -> None:
        """Make this the entry of the slot. Raises ValueError where it has no room."""
        self._board.write(msgspec.json.encode(entry), slot)

    def ended(self, slot: int) -> None:
        """Tell that the worker of this slot is gone; what it served stays to be known."""
        text = self._board.read(slot)
        if text is not None:
            self.write(slot, replace(_entry(text), lives=False))

    def entries(self) -> Iterator[Entry]:
        """Every worker's that ever was, by slot."""
        return map(_entry, self._board.texts())

    def living(self) -> list[Entry]:
        """Those of the workers that are there now."""
        return [entry for entry in self.entries() if entry.lives]


def _entry(text: bytes) -> Entry:
    return msgspec.json.decode(text, type=Entry)
