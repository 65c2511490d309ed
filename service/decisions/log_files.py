"""Log files: the files that one process appends its lines to, in the folder of the decision log.

    decisions-<boot>-<worker>-<n>.jsonl

`<boot>` is 16 random hexadecimal digits of the process, `<worker>` its slot, and `<n>` counts its files from 0. A file is made
once, by this process alone, and never gets another name.
"""

import os
import secrets
from pathlib import Path


class LogFiles:
    """Appends complete lines to files of this `kind`. One thread at a time may call it."""

    def __init__(self, folder: str, kind: str, worker: int) -> None:
        self.name = f"{secrets.token_hex(8)}-{worker}"
        self._path = Path(folder, f"{kind}-{self.name}")
        self._descriptor: int | None = None
        self._number = 0

    def append(self, line: bytes) -> None:
        """Write the line, completely or not at all. Raises OSError."""
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(f"{self._path}-{self._number}.jsonl", flags, 0o600)
            self._number += 1
        os.write(self._descriptor, line)
