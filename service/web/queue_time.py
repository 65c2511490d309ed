"""Arrival: how long a request had to wait until a thread took it up, told to whatever answers it in that thread.

It waits from when its connection is accepted, or when a kept one has something to read, until a thread has it. What its client
then takes to send the headers is no waiting, and is counted nowhere. Only gunicorn's worker tells of arrivals: without it,
nothing waits.
"""

from contextvars import ContextVar

_waited: ContextVar[float | None] = ContextVar("waited", default=None)


def taken_up(waited: float) -> None:
    """Tell that this thread has taken up a request which waited so many seconds."""
    _waited.set(waited)


def waited() -> float | None:
    """The seconds that the present request waited. Told once: what else comes over the same connection did not wait so long."""
    seconds = _waited.get()
    if seconds is not None:
        _waited.set(None)
    return seconds
