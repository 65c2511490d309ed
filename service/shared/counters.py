"""Shared counters: numbers in memory that forked workers share, so that any worker can report the sum of all.

One file in memory is made before the workers are forked, with a row for each worker slot. A worker writes to its own row
only, under its own lock, so no write is lost; a reader adds up the rows. A slot is given to a new worker only when the old one
is dead, and its counts continue: a total never decreases. A killed worker cannot leave a torn number, since each is one
aligned 8-byte number.

A row has room for names and for numbers. A name is a line of JSON, [key, first number, width], for each series, written before
the count of used bytes that makes it visible. A worker enters a series when it first needs it, or earlier to show it at 0, so
labels may appear at any time. The file is sparse: a row has room for the series of models with thousands of features and of
tens of thousands of versions, but takes memory for those that it has, and address space only in its own worker. When a row is
full, further series are not counted, and UNRECORDED counts how often.
"""

import json
import mmap
import os
import threading
import weakref

import numpy as np
import numpy.typing as npt

SLOTS = 512
MASTER_SLOT = SLOTS - 1
NUMBERS = 4 * 2**20
NAMES = 32 * 2**20
UNRECORDED = ("delivery_risk_metrics_unrecorded_total",)

_HEAD = 2**16  # so that rows begin at a page of any size
_ROW = 64 * 2**20
_NUMBERS_AT = 32 * 2**20

Key = tuple[str, ...]
Sums = npt.NDArray[np.float64]


class SharedCounters:
    """Numbers by key and slot. New counters write to slot 0, as a process without workers does."""

    def __init__(self) -> None:
        self._file = os.memfd_create("counters")
        weakref.finalize(self, os.close, self._file)
        os.truncate(self._file, _HEAD + SLOTS * _ROW)
        self._used = np.frombuffer(mmap.mmap(self._file, 8 * SLOTS), np.int64)
        self._entered: list[list[tuple[Key, slice]]] = [[] for _ in range(SLOTS)]
        self._parsed = [0] * SLOTS
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write to the row of this slot from now on. Call it in a new worker."""
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self._slot = slot
        self._numbers = memoryview(mmap.mmap(self._file, _ROW - _NUMBERS_AT, offset=_numbers_at(slot))).cast("d")
        entries = self._entries(slot)
        self._series = {key: self._numbers[place] for key, place in entries}
        self._end = entries[-1][1].stop if entries else 0
        self.series(UNRECORDED, 1)

    def series(self, key: Key, width: int) -> "memoryview[float]":
        """This worker's `width` numbers for the key, to be added to while `lock` is held."""
        found = self._series.get(key) or self.enter(key, width)
        if found is None:
            self._series[UNRECORDED][0] += 1
            return memoryview(bytearray(8 * width)).cast("d")
        return found

    def enter(self, key: Key, width: int) -> "memoryview[float] | None":
        """This worker's numbers for the key, shown at 0 where they are new; None where there is no room. Hold `lock`."""
        if key in self._series:
            return self._series[key]
        first, used = self._end, int(self._used[self._slot])
        line = (json.dumps([key, first, width]) + "\n").encode()
        if first + width > NUMBERS or used + len(line) > NAMES:
            return None
        os.pwrite(self._file, line, _names_at(self._slot) + used)
        self._used[self._slot] = used + len(line)
        self._end = first + width
        self._series[key] = self._numbers[first : self._end]
        return self._series[key]

    def totals(self) -> dict[Key, Sums]:
        """Every key's numbers, summed over all slots."""
        sums: dict[Key, Sums] = {}
        for slot, used in enumerate(self._used.tolist()):  # read once: nonzero goes over them twice and fails if one changes
            entries = self._entries(slot) if used else []
            row = self._row(slot, entries[-1][1].stop) if entries else np.empty(0)
            for key, place in entries:
                sums[key] = sums[key] + row[place] if key in sums else row[place].copy()
        return sums

    def number(self, slot: int, key: Key) -> float:
        """The number of this key in a slot."""
        return next((float(self._all_numbers[slot, place][0]) for entered, place in self._entries(slot) if entered == key), 0.0)

    def take(self, slot: int, key: Key) -> float:
        """Set the number of this key to 0 in the slot of a worker that has ended; return what it was."""
        for entered, place in self._entries(slot):
            if entered == key:
                row = self._row(slot, place.stop)
                taken = float(row[place][0])
                row[place] = 0
                return taken
        return 0.0

    def _row(self, slot: int, count: int) -> Sums:
        """The first numbers of the slot's row, mapped for as long as they are used."""
        return np.frombuffer(mmap.mmap(self._file, 8 * count, offset=_numbers_at(slot)), np.float64)

    def _entries(self, slot: int) -> list[tuple[Key, slice]]:
        with self._reading:
            entered, parsed, used = self._entered[slot], self._parsed[slot], int(self._used[slot])
            if used > parsed:
                for line in os.pread(self._file, used - parsed, _names_at(slot) + parsed).splitlines():
                    key, first, width = json.loads(line)
                    entered.append((tuple(key), slice(first, first + width)))
                self._parsed[slot] = used
            return list(entered)


def _names_at(slot: int) -> int:
    return _HEAD + slot * _ROW


def _numbers_at(slot: int) -> int:
    return _names_at(slot) + _NUMBERS_AT
