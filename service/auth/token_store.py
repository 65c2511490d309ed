"""Token store: the tokens in force in every worker, while their file changes.

In force is the last valid content of the file. A file that is missing, cannot be read or has an invalid line changes nothing:
no valid token is rejected for it, and no revoked token is accepted again. Before the first valid content, no token is valid
and the worker is not ready, because it would reject callers that other workers accept.

A thread looks at the file a few times a second; a request never does, since a file system may hang. A change is read once the
file has looked the same for REST seconds, so that a file that is written piece by piece is not read in half; or else PATIENCE
seconds after the change was first seen. Both are measured by the monotonic clock, not by that of a file system. Valid content
goes into shared records; a worker that finds the file invalid, a new one for example, uses the content there.
"""

import logging
import os
import time
from collections.abc import Callable

from model import files
from model.errors import ModelError
from service.auth import tokens
from service.auth.tokens import BadTokens, Token, Tokens
from service.shared.records import SharedRecords

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
        self._records = SharedRecords(LIMIT)
        self._content = b""
        self._tokens: Tokens = ()
        self._known: State | None = None
        self._seen: State | None = None
        self._seen_at = 0.0
        self._changed_at: float | None = None
        self._fault: str | None = None
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
        return tokens.check(self._tokens, header)

    def with_digest(self, digest: bytes) -> Token:
        """The token of this SHA-256. Raises BadToken."""
        return tokens.with_digest(self._tokens, digest)

    def look(self) -> None:
        """Look at the file once, in one thread. Never raises."""
        self._adopt()  # first: a new worker needs what others have read, also where its own look hangs
        state, now = _state(self._path), time.monotonic()
        if state != self._seen:
            self._seen, self._seen_at = state, now
        rested = state is not None and now - self._seen_at >= REST
        if state is None or state != self._known:
            self._known = None
            self._changed_at = self._changed_at or now
            if rested or now - self._changed_at >= PATIENCE:
                self._changed_at = None
                if self._take(state) and rested:  # one that has not rested may change again with the same times and size
                    self._known = state
        self._adopt()
        if self._known is not None and self._records.read() != self._content:
            self._records.write(self._content)

    def _adopt(self) -> None:
        """Use the shared content, unless this worker has read the file as it is."""
        posted = self._records.read()
        if self._known is None and posted not in (None, self._content):
            self._content, self._tokens = posted, tokens.parse(posted)

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
        if _state(self._path) != state:
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


def _state(path: str) -> State | None:
    """A value that changes with the content of the file, None where there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _counts(tokens: Tokens) -> dict[str, int]:
    return {"tokens": len(tokens), "callers": len({token.caller for token in tokens})}
