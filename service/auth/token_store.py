"""Keyring: the tokens in force, in every worker, while their file changes.

In force is the last content of the file that was sound. A file that is not there, cannot be read or has a line at fault
changes nothing: no right token is refused for it, and none let in that was taken out before. Where there was no sound
content since the start, no token is valid, and the worker is not ready: it would refuse whoever another one takes.

A request looks at the file, unless one did less than EVERY seconds ago. What has changed is read once it has rested, by the
file system's clock, for REST seconds, so that a file written piece by piece is not taken in half; or else PATIENCE seconds
after the change was first seen. The sound content goes on a Board; a worker that finds the file broken, one just started
among them, goes by what stands there.
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
    """The tokens of this file. `failed` is called each time that the file is looked at and not sound."""

    def __init__(self, path: str, failed: Callable[[], None]) -> None:
        self._path = path
        self._failed = failed
        self._lock = threading.Lock()
        self._records = SharedRecords(LIMIT)
        self._content = b""
        self._tokens: Tokens = ()
        self._known: State | None = None
        self._waiting_since: float | None = None
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
        """Why no token is valid, while there is none; a file without one is not sound."""
        return None if self._tokens else self._fault

    def check(self, header: str | None) -> Token:
        """The token that an Authorization header shows. Raises BadToken."""
        self.follow()
        return tokens.check(self._tokens, header)

    def follow(self) -> None:
        """Look at the file where that is due. Raises nothing, whatever became of the file."""
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
            if self._is_time(rested) and self._take(state) and rested:
                self._known = state  # one that has not rested may change once more without its times or size telling so
        posted = self._records.read()
        if self._known is None:
            if posted not in (None, self._content):
                self._content, self._tokens = posted, tokens.parse(posted)
        elif posted != self._content:
            self._records.write(self._content)

    def _is_time(self, rested: bool) -> bool:
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        if not rested and now - self._waiting_since < PATIENCE:
            return False
        self._waiting_since = None
        return True

    def _take(self, state: State | None) -> bool:
        try:
            content, tokens = _read(self._path)
        except BadTokens as error:
            self._failed()
            if str(error) != self._fault:
                self._fault = str(error)
                stays = "what was in force stays" if self._tokens else "no token is valid"
                _log.error(f"tokens file refused, {stays}", extra={"reason": self._fault})
            return False
        if _state(self._path)[0] != state:
            return False
        if content != self._content or self._fault is not None:
            _log.info("tokens file read", extra=_counts(tokens))
        self._content, self._tokens, self._fault = content, tokens, None
        self._records.write(content)
        return True


def announce(path: str | None) -> None:
    """Say in the log who may call; to be called once, when the service starts."""
    if path is None:
        _log.warning("no tokens file: whoever reaches the service may call it")
        return
    try:
        _log.info("tokens file read", extra=_counts(_read(path)[1]))
    except BadTokens as error:
        _log.error("tokens file refused, no token is valid", extra={"reason": str(error)})


def _read(path: str) -> tuple[bytes, Tokens]:
    try:
        content = files.read(path, LIMIT)
    except ModelError as error:
        raise BadTokens(error.reason) from error
    return content, tokens.parse(content)


def _state(path: str) -> tuple[State | None, bool]:
    """What tells one content of the file from the next, None where there is no file; and whether it has rested."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None, False
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return state, time.time() - found.st_ctime >= REST


def _counts(tokens: Tokens) -> dict[str, int]:
    return {"tokens": len(tokens), "callers": len({token.caller for token in tokens})}
