"""Roster: what each worker serves, on a board that all workers share, so that any of them can tell of all.

There is a row for each slot of the tally. A name, a version and a file are bounded by their formats and a reason by REASON, so
an entry of the two roles always has room.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
    """A worker's process, and its states by role."""

    pid: int
    states: Mapping[str, State]

    @classmethod
    def of_this_process(cls, states: Mapping[str, State]) -> "Entry":
        return cls(os.getpid(), states)

    def lives(self) -> bool:
        """Whether the process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


class Roster:
    """Entries by slot; each slot is written by one worker at a time."""

    def __init__(self) -> None:
        self._board = Board(ROOM, SLOTS)

    def write(self, slot: int, entry: Entry) -> None:
        """Make this the entry of the slot. Raises ValueError where it has no room."""
        self._board.write(msgspec.json.encode(entry), slot)

    def entries(self) -> Iterator[Entry]:
        """Every worker's that ever was, dead ones too, by slot."""
        for text in self._board.texts():
            yield msgspec.json.decode(text, type=Entry)

    def living(self) -> list[Entry]:
        """Those of the workers that are there now."""
        return [entry for entry in self.entries() if entry.lives()]
