"""Shared counters: numbers in memory that forked workers share, so that any worker can report the sum of all.

One anonymous mapping is made before the workers are forked, with a row for each worker slot. A worker writes to its own row
only, under its own lock, so no write is lost; a reader adds up the rows. A slot is given to a new worker only when the old one
is dead, and its counts continue: a total never decreases. A killed worker cannot leave a torn number, since each is one
aligned 8-byte number.

A row has room for names and for numbers. A name is a line of JSON, [key, first number, width], for each series, written before
the count of used bytes that makes it visible. A worker enters a series when it first needs it, or earlier to show it at 0, so
labels may appear at any time. When a row is full, further series are not counted, and UNRECORDED counts how often. Pages
never touched cost nothing.
"""

import json
import mmap
import threading

import numpy as np
import numpy.typing as npt

SLOTS = 512
MASTER_SLOT = SLOTS - 1
NUMBERS = 32 * 1024
NAMES = 128 * 1024
UNRECORDED = ("delivery_risk_metrics_unrecorded_total",)

Key = tuple[str, ...]
Sums = npt.NDArray[np.float64]


class SharedCounters:
    """Numbers by key and slot. New counters write to slot 0, as a process without workers does."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, SLOTS * (8 + NAMES + 8 * NUMBERS))
        self._used = np.frombuffer(memory, np.int64, SLOTS)
        self._names = np.frombuffer(memory, np.uint8, SLOTS * NAMES, 8 * SLOTS).reshape(SLOTS, NAMES)
        self._all_numbers = np.frombuffer(memory, np.float64, SLOTS * NUMBERS, SLOTS * (8 + NAMES)).reshape(SLOTS, NUMBERS)
        self._entered: list[list[tuple[Key, slice]]] = [[] for _ in range(SLOTS)]
        self._parsed = [0] * SLOTS
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write to this slot from now on, continuing its counts. Call it in a new worker."""
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self._slot = slot
        self._numbers: memoryview[float] = memoryview(self._all_numbers[slot])
        self._series = {key: self._numbers[place] for key, place in self._entries(slot)}
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
        entries = self._entries(self._slot)
        first = entries[-1][1].stop if entries else 0
        line = (json.dumps([key, first, width]) + "\n").encode()
        used = int(self._used[self._slot])
        if first + width > NUMBERS or used + len(line) > NAMES:
            return None
        self._names[self._slot, used : used + len(line)] = np.frombuffer(line, np.uint8)
        self._used[self._slot] = used + len(line)
        self._series[key] = self._numbers[first : first + width]
        return self._series[key]

    def totals(self) -> dict[Key, Sums]:
        """Every key's numbers, summed over all slots."""
        sums: dict[Key, Sums] = {}
        for slot, used in enumerate(self._used.tolist()):  # read once: nonzero goes over them twice and fails if one changes
            for key, place in self._entries(slot) if used else ():
                numbers = self._all_numbers[slot, place]
                sums[key] = sums[key] + numbers if key in sums else numbers.copy()
        return sums

    def number(self, slot: int, key: Key) -> float:
        """The number of this key in a slot."""
        return next((float(self._all_numbers[slot, place][0]) for entered, place in self._entries(slot) if entered == key), 0.0)

    def take(self, slot: int, key: Key) -> float:
        """Set the number of this key to 0 in the slot of a worker that has ended; return what it was."""
        for entered, place in self._entries(slot):
            if entered == key:
                taken = float(self._all_numbers[slot, place][0])
                self._all_numbers[slot, place] = 0
                return taken
        return 0.0

    def _entries(self, slot: int) -> list[tuple[Key, slice]]:
        with self._reading:
            entered, parsed, used = self._entered[slot], self._parsed[slot], int(self._used[slot])
            if used > parsed:
                for line in self._names[slot, parsed:used].tobytes().splitlines():
                    key, first, width = json.loads(line)
                    entered.append((tuple(key), slice(first, first + width)))
                self._parsed[slot] = used
            return list(entered)
