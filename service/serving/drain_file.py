"""Drain file: while it exists, the service still answers, but is not ready and closes its connections."""

import os


class DrainFile:
    """The drain file at this path, None where there is none. `exists` is what the last look saw."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self.exists = False

    def look(self) -> None:
        """Look at the file once. Never raises."""
        self.exists = self._path is not None and os.path.exists(self._path)
