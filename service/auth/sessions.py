"""Sessions: what a browser keeps in place of a token, and the mark of forms that a session was given.

A cookie has the SHA-256 of a token, when it was made, and a signature, so workers keep nothing of a session. It is valid for
SECONDS, while its token is in force, unless the person ends it. A form carries a mark that is signed for the session it was
given to: another site, and another session, cannot make one.
"""

import secrets
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from service.auth.ended_sessions import EndedSessions

SECONDS = 12 * 3600
"""How long a session and a form are valid."""


class BadSession(Exception):
    """A cookie or a form that was not made with this key for this use, or is too old."""


class Sessions:
    """Makes and checks cookies and forms with a secret `key`."""

    def __init__(self, key: bytes) -> None:
        self._cookies, self._forms = _serializer(key, "cookie"), _serializer(key, "form")
        self._ended = EndedSessions(SECONDS)

    def attach(self, slot: int) -> None:
        """Write what the worker of this slot ends from now on. Call it in a new worker."""
        self._ended.attach(slot)

    def cookie(self, digest: bytes) -> str:
        """A cookie for the token of this SHA-256, which no other session has."""
        return _text(self._cookies.dumps([digest.hex(), secrets.token_hex(8)]))

    def digest(self, cookie: str) -> bytes:
        """The SHA-256 of the token that a cookie is for. Raises BadSession."""
        digest, _ = _load(self._cookies, cookie)
        if cookie in self._ended:
            raise BadSession
        return bytes.fromhex(digest)

    def end(self, cookie: str) -> None:
        """Let a cookie be valid no longer, in any worker of this instance."""
        self._ended.add(cookie)

    def form(self, owner: str) -> str:
        """The mark of a form that is given to this owner, for example to a session by its cookie."""
        return _text(self._forms.dumps(_digest(owner)))

    def require_form(self, owner: str, mark: str) -> None:
        """Raise BadSession unless a form was given to this owner."""
        if _load(self._forms, mark) != _digest(owner):
            raise BadSession


def _serializer(key: bytes, use: str) -> URLSafeTimedSerializer:
    options: dict[str, Any] = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeTimedSerializer(key, salt=f"delivery-risk {use}", signer_kwargs=options)


def _load(serializer: URLSafeTimedSerializer, text: str) -> Any:
    try:
        return serializer.loads(text, max_age=SECONDS)
    except (BadData, UnicodeError):
        raise BadSession from None


def _digest(owner: str) -> str:
    return sha256(owner.encode("utf-8", "surrogateescape")).hexdigest()


def _text(signed: str | bytes) -> str:
    return signed if isinstance(signed, str) else signed.decode()
