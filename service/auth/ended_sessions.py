"""Ended sessions: those that people ended before their time, in memory that the workers of one instance share.

Each worker has a row of its own, with the newest MOST sessions that were ended there. Another instance does not know of them.
"""

import time
from hashlib import sha256
from threading import Lock

from service.shared.counters import SLOTS
from service.shared.records import SharedRecords

MOST = 1000
_KEY, _TIME = 16, 8
_ENTRY = _KEY + _TIME


class EndedSessions:
    """Remembers sessions by their cookies for so many `seconds`. Made before the fork."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._records = SharedRecords(MOST * _ENTRY, SLOTS)
        self._writing = Lock()
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write the row of the worker of this slot from now on. Call it in a new worker."""
        self._slot = slot

    def add(self, cookie: str) -> None:
        """Remember that a session is ended."""
        now = int(time.time())
        with self._writing:
            text = self._records.read(self._slot) or b""
            while text and int.from_bytes(text[_KEY:_ENTRY]) + self._seconds < now:  # the oldest is the first
                text = text[_ENTRY:]
            text += _key(cookie) + now.to_bytes(_TIME)
            self._records.write(text[-MOST * _ENTRY :], self._slot)

    def __contains__(self, cookie: str) -> bool:
        key = _key(cookie)
        return any(key in text for text in self._records.texts())


def _key(cookie: str) -> bytes:
    return sha256(cookie.encode("utf-8", "surrogateescape")).digest()[:_KEY]
