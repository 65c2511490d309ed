"""Pace: lets a search in a worker end in time, and lets the other threads of the worker have their turns meanwhile."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeAlias

WORK_SECONDS = PAUSE_SECONDS = 0.0005
"""After so much work a search pauses for so long. A thread that never waits makes others wait 5 ms for the interpreter."""

Paced: TypeAlias = Callable[[], None]
"""What a search calls between small portions of its work. It may raise OutOfTime."""


class OutOfTime(Exception):
    """A search has no time left."""


class Pace:
    """Ends a search so many seconds after it was made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic, wait: Callable[[float], None] = sleep) -> None:
        self._clock, self._wait = clock, wait
        self._since = clock()
        self._until = self._since + seconds

    def __call__(self) -> None:
        """Pause if it is time to. Raises OutOfTime."""
        now = self._clock()
        if now >= self._until:
            raise OutOfTime
        if now - self._since >= WORK_SECONDS:
            self._wait(PAUSE_SECONDS)
            self._since = self._clock()


def unbounded() -> None:
    """The pace of a process that does nothing else."""
