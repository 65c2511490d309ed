"""Roster: what each worker serves, in memory that all workers share, so that any of them can tell of all.

One anonymous mapping is made before the workers are forked, with a row for each slot. A row has two halves, which its worker
writes in turn, and a number that says which of them is whole: a worker that dies while it writes leaves the other half.
"""

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from model.pointer import Pointer
from service.tally import SLOTS

HALF = 8192


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
        self._memory = mmap.mmap(-1, SLOTS * (8 + 2 * HALF))
        self._turns = np.frombuffer(self._memory, np.int64, SLOTS)

    def write(self, slot: int, entry: Entry) -> None:
        """Make this the entry of the slot."""
        turn = int(self._turns[slot]) + 1
        text = msgspec.json.encode(entry).ljust(HALF)
        place = self._place(slot, turn)
        self._memory[place : place + HALF] = text[:HALF]
        self._turns[slot] = turn

    def entries(self) -> Iterator[Entry]:
        """Every worker's that ever was, dead ones too, by slot."""
        for slot in np.flatnonzero(self._turns).tolist():
            yield self._read(slot)

    def living(self) -> list[Entry]:
        """Those of the workers that are there now."""
        return [entry for entry in self.entries() if entry.lives()]

    def _read(self, slot: int) -> Entry:
        while True:
            turn = int(self._turns[slot])
            place = self._place(slot, turn)
            text = self._memory[place : place + HALF]
            if int(self._turns[slot]) == turn:
                return msgspec.json.decode(text, type=Entry)

    def _place(self, slot: int, turn: int) -> int:
        return 8 * SLOTS + (2 * slot + turn % 2) * HALF
