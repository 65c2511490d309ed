"""File watcher: threads that look at the files that a service follows, so that no request waits for a file system.

Each file has a thread of its own: the file system of one may hang while that of another answers. While a look hangs, what was
seen before stays in force, and the time of the last look shows it.
"""

import threading
import time
from collections.abc import Callable, Mapping

from service.shared.look_times import LookTimes

EVERY = 0.2
FIRST_SECONDS = 1.0
"""What a new worker waits for its first looks, at most."""


class FileWatcher:
    """Watches files. `looks` has by the name of each what looks at it once and never raises."""

    def __init__(self, looks: Mapping[str, Callable[[], None]], times: LookTimes) -> None:
        self.looks = looks
        self._times = times

    def start(self, slot: int) -> None:
        """Look at each file in a thread, from now on. Call it in the worker of this slot: threads do not survive a fork."""
        seen = []
        for file in self.looks:
            first = threading.Event()
            seen.append(first)
            self._times.looked(slot, file)
            threading.Thread(target=self._follow, args=(file, slot, first), name=f"follow {file}", daemon=True).start()
        deadline = time.monotonic() + FIRST_SECONDS
        for first in seen:
            first.wait(max(0.0, deadline - time.monotonic()))

    def _follow(self, file: str, slot: int, first: threading.Event) -> None:
        while True:
            self.looks[file]()
            self._times.looked(slot, file)
            first.set()
            time.sleep(EVERY)
