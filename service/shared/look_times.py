"""Look times: when each worker last looked at each of the files that it follows, in memory that forked workers share.

Times are those of the monotonic clock, which all processes of a machine share. Each is one aligned 8-byte number, so a killed
worker cannot leave a torn one; 0 means that the worker of this slot follows no such file.
"""

import mmap
from time import monotonic

import numpy as np

from service.shared.counters import SLOTS

FILES = ("registry", "tokens", "drain", "decisions", "outcomes")


class LookTimes:
    """Times by slot and file. Each slot is written by one worker at a time, and by the master once that worker is gone."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, 8 * SLOTS * len(FILES))
        self._times = np.frombuffer(memory, np.float64).reshape(SLOTS, len(FILES))

    def looked(self, slot: int, file: str) -> None:
        """Record that the worker of this slot has looked at the file now."""
        self._times[slot, FILES.index(file)] = monotonic()

    def ended(self, slot: int) -> None:
        """Record that the worker of this slot is gone."""
        self._times[slot] = 0

    def ages(self) -> dict[str, float]:
        """The seconds since the last look at each file, in the worker whose look is the longest ago."""
        now, times = monotonic(), self._times.T.tolist()
        return {file: now - min(filter(None, each)) for file, each in zip(FILES, times, strict=True) if any(each)}
