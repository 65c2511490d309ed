"""Token store: the tokens in force in every worker, while their file changes.

In force is the last valid content of the file. A file that is missing, cannot be read or has an invalid line changes nothing:
no valid token is rejected for it, and no revoked token is accepted again. Before the first valid content, no token is valid
and the worker is not ready, because it would reject callers that other workers accept.

A request checks the file, unless one did so less than EVERY seconds ago. A change is read once the file has not changed for
REST seconds by the file system's clock, so that a file that is written piece by piece is not read in half; or else PATIENCE
seconds after the change was first seen. Valid content goes into shared records; a worker that finds the file invalid, a new
one for example, uses the content there.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from model import files
from model.errors import ModelError
from service.auth import tokens
from service.auth.tokens import BadTokens, Token, Tokens
from service.shared.records import SharedRecords

EVERY = 0.2
REST = 0.2
PATIENCE = 0.6
LIMIT = 64 * 2**10

_log = logging.getLogger("delivery_risk.tokens")

State = tuple[int, ...]


class TokenStore:
    """The tokens of this file. `failed` is called each time the file is read and not valid."""

    def __init__(self, path: str, failed: Callable[[], None]) -> None:
        self._path = path
        self._failed = failed
        self._lock = threading.Lock()
        self._records = SharedRecords(LIMIT)
        self._content = b""
        self._tokens: Tokens = ()
        self._known: State | None = None
        self._changed_at: float | None = None
        self._fault: str | None = None
        self._due = 0.0
        try:
            self._content, self._tokens = _read(path)
            self._records.write(self._content)
        except BadTokens as error:
            self._failed()
            self._fault = str(error)

    @property
    def closed(self) -> str | None:
        """Why no token is valid; None where any is."""
        return None if self._tokens else self._fault

    def check(self, header: str | None) -> Token:
        """The token of an Authorization header. Raises BadToken."""
        self.follow()
        return tokens.check(self._tokens, header)

    def follow(self) -> None:
        """Check the file if that is due. Never raises."""
        if time.monotonic() < self._due:
            return
        with self._lock:
            if time.monotonic() >= self._due:
                self._look()
                self._due = time.monotonic() + EVERY

    def _look(self) -> None:
        state, rested = _state(self._path)
        if state is None or state != self._known:
            self._known = None
            self._changed_at = self._changed_at or time.monotonic()
            if rested or time.monotonic() - self._changed_at >= PATIENCE:
                self._changed_at = None
                if self._take(state) and rested:  # one that has not rested may change again with the same times and size
                    self._known = state
        posted = self._records.read()
        if self._known is None:
            if posted not in (None, self._content):
                self._content, self._tokens = posted, tokens.parse(posted)
        elif posted != self._content:
            self._records.write(self._content)

    def _take(self, state: State | None) -> bool:
        try:
            content, tokens = _read(self._path)
        except BadTokens as error:
            self._failed()
            if str(error) != self._fault:
                self._fault = str(error)
                consequence = "the tokens in force stay in force" if self._tokens else "no token is valid"
                _log.error(f"tokens file is not valid; {consequence}", extra={"reason": self._fault})
            return False
        if _state(self._path)[0] != state:
            return False
        if content != self._content or self._fault is not None:
            _log.info("tokens file read", extra=_counts(tokens))
        self._content, self._tokens, self._fault = content, tokens, None
        self._records.write(content)
        return True


def log_state(path: str | None) -> None:
    """Log whether authentication is on. Call once, when the service starts."""
    if path is None:
        _log.warning("authentication is off: no tokens file is set")
        return
    try:
        _log.info("tokens file read", extra=_counts(_read(path)[1]))
    except BadTokens as error:
        _log.error("tokens file is not valid; no token is valid", extra={"reason": str(error)})


def _read(path: str) -> tuple[bytes, Tokens]:
    try:
        content = files.read(path, LIMIT)
    except ModelError as error:
        raise BadTokens(error.reason) from error
    return content, tokens.parse(content)


def _state(path: str) -> tuple[State | None, bool]:
    """A value that changes with the content of the file, None where there is no file; and whether the file has rested."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None, False
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return state, time.time() - found.st_ctime >= REST


def _counts(tokens: Tokens) -> dict[str, int]:
    return {"tokens": len(tokens), "callers": len({token.caller for token in tokens})}
