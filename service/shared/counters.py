"""Tally: counts in memory that all workers share, so that any of them can tell the sum of all.

One anonymous mapping is made before the workers are forked, with a row for each worker slot. A worker writes only into
its own row, under its own lock, so no write can be lost; whoever reads adds the rows up. A slot is given to a new worker
only when the old one is dead, and the counts go on where they stood: a total never goes back, and nothing that a killed
worker leaves behind can be torn, since a cell is one aligned 8-byte number.

A row is room for names (a line of JSON, [key, first cell, width], for each series, written before the count of bytes in
use that makes it visible) and for cells. A worker enters a series when it first needs it, or before, to show it at 0; so labels
may appear at any time. When a row is full, further series are not counted, and `unrecorded` says how often. Pages never touched
cost nothing.
"""

import json
import mmap
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

SLOTS = 512
CELLS = 32 * 1024
NAMES = 128 * 1024
UNRECORDED = ("unrecorded",)

Key = tuple[str, ...]
Sums = npt.NDArray[np.float64]


class SharedCounters:
    """Numbers by key and slot. A fresh Tally writes to slot 0, as a process without workers does."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, SLOTS * (8 + NAMES + 8 * CELLS))
        self._used = np.frombuffer(memory, np.int64, SLOTS)
        self._names = np.frombuffer(memory, np.uint8, SLOTS * NAMES, 8 * SLOTS).reshape(SLOTS, NAMES)
        self._all_cells = np.frombuffer(memory, np.float64, SLOTS * CELLS, SLOTS * (8 + NAMES)).reshape(SLOTS, CELLS)
        self._entered: list[list[tuple[Key, slice]]] = [[] for _ in range(SLOTS)]
        self._parsed = [0] * SLOTS
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write to this slot from now on, going on from what stands there. To be called in a new worker."""
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self._slot = slot
        self._cells: memoryview[float] = memoryview(self._all_cells[slot])
        self._series = {key: self._cells[place] for key, place in self._entries(slot)}
        self.series(UNRECORDED, 1)

    def series(self, key: Key, width: int) -> "memoryview[float]":
        """This worker's `width` cells under the key, to be added to while `lock` is held."""
        found = self._series.get(key)
        if found is None and (found := self._enter(key, width)) is None:
            self._series[UNRECORDED][0] += 1
            return memoryview(bytearray(8 * width)).cast("d")
        return found

    def enter(self, key: Key, width: int) -> None:
        """Show the key with `width` cells from 0 on, where there is room; `lock` is to be held."""
        if key not in self._series:
            self._enter(key, width)

    def totals(self) -> dict[Key, Sums]:
        """Every key's cells, summed over all slots."""
        sums: dict[Key, Sums] = {}
        for slot, used in enumerate(self._used.tolist()):  # read once: nonzero goes over them twice and fails if one changes
            for key, place in self._entries(slot) if used else ():
                cells = self._all_cells[slot, place]
                sums[key] = sums[key] + cells if key in sums else cells.copy()
        return sums

    def _entries(self, slot: int) -> list[tuple[Key, slice]]:
        with self._reading:
            entered, parsed, used = self._entered[slot], self._parsed[slot], int(self._used[slot])
            if used > parsed:
                entered += _lines(self._names[slot, parsed:used].tobytes())
                self._parsed[slot] = used
            return list(entered)

    def _enter(self, key: Key, width: int) -> "memoryview[float] | None":
        entries = self._entries(self._slot)
        first = entries[-1][1].stop if entries else 0
        line = (json.dumps([key, first, width]) + "\n").encode()
        used = int(self._used[self._slot])
        if first + width > CELLS or used + len(line) > NAMES:
            return None
        self._names[self._slot, used : used + len(line)] = np.frombuffer(line, np.uint8)
        self._used[self._slot] = used + len(line)
        entered = self._cells[first : first + width]
        self._series[key] = entered
        return entered


def _lines(text: bytes) -> Iterator[tuple[Key, slice]]:
    for line in text.splitlines():
        key, first, width = json.loads(line)
        yield tuple(key), slice(first, first + width)
