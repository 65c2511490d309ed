"""Shared counters: numbers in memory that forked workers share, so that any worker can report the sum of all.

One file in memory is made before the workers are forked, with a row for each worker slot. A worker writes to its own row
only, under its own lock, so no write is lost; a reader adds up the rows. A slot is given to a new worker only when the old one
is dead, and its counts continue: a total never decreases. A killed worker cannot leave a torn number, since each is one
aligned 8-byte number.

A row has room for names and for numbers. A name is a line of JSON, [key, first number, width], for each series, written before
the count of used bytes that makes it visible. A worker enters a series when it first needs it, or earlier to show it at 0, so
labels may appear at any time. Behind the numbers of a series is when it was last used. To give series back, a worker copies
the others to the second half of its row and then turns to that half by writing one number; a reader that met the turn reads
again, and a worker killed before it has changed nothing.

The file is sparse: a row has room for the series of tens of models with thousands of features, but takes memory for those
that it has, and address space only in its own worker. When a row is full, further series are not counted, and UNRECORDED
counts how often.
"""

import json
import mmap
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

SLOTS = 512
MASTER_SLOT = SLOTS - 1
NUMBERS = 4 * 2**20
NAMES = 32 * 2**20
UNRECORDED = ("delivery_risk_metrics_unrecorded_total",)

_HEAD = 2**16  # so that rows begin at a page of any size
_HALF = 64 * 2**20
_NUMBERS_AT = 32 * 2**20
_TURN, _USED = 0, 1

Key = tuple[str, ...]
Looked = TypeVar("Looked")
Sums = npt.NDArray[np.float64]


class SharedCounters:
    """Numbers by key and slot. The process that makes them writes to MASTER_SLOT, whether it has workers or not."""

    def __init__(self) -> None:
        self._file = os.memfd_create("counters")
        weakref.finalize(self, os.close, self._file)
        os.truncate(self._file, _HEAD + 2 * SLOTS * _HALF)
        self._heads = np.frombuffer(mmap.mmap(self._file, 24 * SLOTS), np.int64).reshape(SLOTS, 3)
        self._parsed = [_Parsed() for _ in range(SLOTS)]
        self.attach(MASTER_SLOT)

    def attach(self, slot: int) -> None:
        """Write to the row of this slot from now on. Call it in a new worker before it has a second thread."""
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self._slot, self._end = slot, 0
        self._load()
        self.series(UNRECORDED, 1)

    def series(self, key: Key, width: int, used: float = inf) -> "memoryview[float]":
        """This worker's `width` numbers for the key, to be added to while `lock` is held."""
        found = self.entered.get(key) or self.enter(key, width, used)
        if found is None:
            self.entered[UNRECORDED][0] += 1
            return memoryview(bytearray(8 * width)).cast("d")
        return found

    def enter(self, key: Key, width: int, used: float = inf) -> "memoryview[float] | None":
        """This worker's numbers for the key, shown at 0 where they are new; None where there is no room. Hold `lock`.

        `used` is when they are used, as a number that grows.
        """
        found = self.entered.get(key)
        if found is not None:
            self._numbers[self._used_at[key]] = max(used, self._numbers[self._used_at[key]])
            return found
        first, end, filled = self._end, self._end + width, int(self._heads[self._slot, _USED + self._turn % 2])
        line = _line(key, first, width)
        if end + 1 > NUMBERS or filled + len(line) > NAMES:
            return None
        self._numbers[first:end] = memoryview(bytes(8 * width)).cast("d")  # there may be numbers of a series given back
        self._numbers[end] = used
        os.pwrite(self._file, line, _names_at(self._slot, self._turn) + filled)
        self._heads[self._slot, _USED + self._turn % 2] = filled + len(line)
        self.entered[key], self._used_at[key], self._end = self._numbers[first:end], end, end + 1
        return self.entered[key]

    def look_up(self, key: Hashable, make: Callable[[], Looked]) -> Looked:
        """What `make` makes of series, kept in `looked_up` until they move. Hold `lock`.

        It is not kept if a series had no room, so that each of its updates that is dropped is counted.
        """
        unrecorded = self.entered[UNRECORDED][0]
        made = make()
        if self.entered[UNRECORDED][0] == unrecorded:
            self.looked_up[key] = made
        return made

    def give_back(self, unused: Callable[[Key], bool]) -> None:
        """Remove this worker's series with these keys and use their room again. Hold `lock`."""
        turn, end, lines = self._turn + 1, 0, []
        if not any(map(unused, self.entered)):
            return
        numbers = self._map(turn)
        for key, series in self.entered.items():
            if not unused(key):
                lines.append(_line(key, end, len(series)))
                numbers[end : end + len(series)] = series
                numbers[end + len(series)] = self._numbers[self._used_at[key]]
                end += len(series) + 1
        names = b"".join(lines)
        os.pwrite(self._file, names, _names_at(self._slot, turn))
        self._heads[self._slot, _USED + turn % 2] = len(names)
        self._heads[self._slot, _TURN] = turn
        self._load()

    def totals(self) -> dict[Key, Sums]:
        """Every key's numbers, summed over all slots."""
        sums: dict[Key, Sums] = {}
        for key, place, row in self._all():
            sums[key] = sums[key] + row[place] if key in sums else row[place].copy()
        return sums

    def last_used(self) -> dict[Key, float]:
        """When every key was last used in any slot."""
        last: dict[Key, float] = {}
        for key, place, row in self._all():
            last[key] = max(last.get(key, 0.0), float(row[place.stop]))
        return last

    def total(self, key: Key) -> float:
        """The first number of this key, summed over all slots."""
        return sum(self.number(slot, key) for slot in self._used_slots())

    def number(self, slot: int, key: Key) -> float:
        """The number of this key in a slot."""
        place = self._place(slot, key)
        return 0.0 if place is None else float(np.frombuffer(os.pread(self._file, 8, place))[0])

    def take(self, slot: int, key: Key) -> float:
        """Set the number of this key to 0 in the slot of a worker that has ended; return what it was."""
        taken, place = self.number(slot, key), self._place(slot, key)
        if place is not None:
            os.pwrite(self._file, bytes(8), place)
        return taken

    def _place(self, slot: int, key: Key) -> int | None:
        """Where the file has the first number of this key in a slot."""
        turn = int(self._heads[slot, _TURN])
        firsts = (place.start for entered, place in self._entries(slot, turn) or () if entered == key)
        return next((_names_at(slot, turn) + _NUMBERS_AT + 8 * first for first in firsts), None)

    def _load(self) -> None:
        self._turn = int(self._heads[self._slot, _TURN])
        self._numbers = self._map(self._turn)
        entries = self._entries(self._slot, self._turn) or []
        self.entered = {key: self._numbers[place] for key, place in entries}
        self.looked_up: dict[Hashable, Any] = {}
        self._used_at = {key: place.stop for key, place in entries}
        self._end = entries[-1][1].stop + 1 if entries else 0

    def _all(self) -> Iterator[tuple[Key, slice, Sums]]:
        """Every key of every slot, its place in the numbers of the slot, and these."""
        for slot in self._used_slots():
            while True:
                turn = int(self._heads[slot, _TURN])
                entries = self._entries(slot, turn)
                count = entries[-1][1].stop + 1 if entries else 0
                row = np.frombuffer(os.pread(self._file, 8 * count, _names_at(slot, turn) + _NUMBERS_AT))
                if int(self._heads[slot, _TURN]) == turn:
                    yield from ((key, place, row) for key, place in entries or ())
                    break

    def _used_slots(self) -> list[int]:
        # The heads are read once: nonzero goes over them twice and fails if one changes.
        return [slot for slot, head in enumerate(self._heads.tolist()) if any(head[_USED:])]

    def _map(self, turn: int) -> "memoryview[float]":
        """The numbers of this half of this worker's row. Rows of others are read, since a mapping takes a file descriptor."""
        mapped = mmap.mmap(self._file, 8 * NUMBERS, offset=_names_at(self._slot, turn) + _NUMBERS_AT)
        return memoryview(mapped).cast("d")

    def _entries(self, slot: int, turn: int) -> list[tuple[Key, slice]] | None:
        """The slot's keys and the places of their numbers; None where it has turned to its other half."""
        with self._reading:
            if self._parsed[slot].turn != turn:
                self._parsed[slot] = _Parsed(turn)
            parsed, filled = self._parsed[slot], int(self._heads[slot, _USED + turn % 2])
            names = os.pread(self._file, filled - parsed.bytes, _names_at(slot, turn) + parsed.bytes)
            if int(self._heads[slot, _TURN]) != turn:
                return None
            read = [json.loads(line) for line in names.splitlines()]
            parsed.entries += [(tuple(key), slice(first, first + width)) for key, first, width in read]
            parsed.bytes = filled
            return list(parsed.entries)


@dataclass
class _Parsed:
    """What is read so far of the names in a row, in the half of this turn."""

    turn: int = 0
    bytes: int = 0
    entries: list[tuple[Key, slice]] = field(default_factory=list)


def _line(key: Key, first: int, width: int) -> bytes:
    return (json.dumps([key, first, width]) + "\n").encode()


def _names_at(slot: int, turn: int) -> int:
    return _HEAD + (2 * slot + turn % 2) * _HALF
