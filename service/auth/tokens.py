"""Tokens: bearer tokens (RFC 6750), of which the service knows the SHA-256 digests only.

A tokens file has one line for each token:

    # name   scopes      SHA-256 of the token, 64 hexadecimal digits
    planner  score       0656a269c569e6d9055a194a4ef968996b746937fd60dfee8a5db3f632129a48
    planner  score       5db2b0068c3a296290e5b4cbec9f3953597daf4bc05222de59a0a5769f9420d9
    ops      score,read  f74e4a3168ed950a4bcbebf37d403d60f23ecb75633d661dc92956b4ea88b28e

A name has 1 to 64 letters, digits, ".", "_" and "-", and begins with a letter or digit. It may have several lines, so that a
token can be renewed; a digest may not. Fields are separated by spaces or tabs. Blank lines and lines that begin with "#" are
ignored, and a byte order mark of UTF-8 is. A file with any other line, or without a token, is rejected completely: a file that
is being written may look so.

Errors name a line by its number. They never repeat a token or any text of a line.
"""

import codecs
import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
SCOPES = ("score", "read", "outcome", "audit")
SCOPES_HELP = f"some of {', '.join(SCOPES)}, each once, separated by commas"

_LINE = re.compile(rf"({NAME})[ \t]+([a-z,]+)[ \t]+([0-9a-fA-F]{{64}})".encode())
_BEARER = re.compile(r"bearer(?: +(.*))?", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class BadTokens(Exception):
    """A tokens file that is not valid: the number of the `line` that is wrong, where there is one, and the `reason`."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class BadToken(Exception):
    """A request without a valid token. `missing` where it has none at all."""

    def __init__(self, *, missing: bool) -> None:
        super().__init__("no bearer token" if missing else "no valid bearer token")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Token:
    """The digest of a token, its caller and its scopes."""

    digest: bytes
    caller: str
    scopes: frozenset[str]


Tokens = tuple[Token, ...]


def parse(content: bytes) -> Tokens:
    """The tokens of a file with this content. Raises BadTokens."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadTokens("the file is in UTF-16; save it as UTF-8")
    tokens: dict[bytes, Token] = {}
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        text = line.strip(b" \t")
        if not text or text.startswith(b"#"):
            continue
        found = _LINE.fullmatch(text)
        scopes = None if found is None else scopes_of(found[2].decode())
        if found is None or scopes is None:
            raise BadTokens("expected a name, scopes and the SHA-256 of a token", number)
        name, _, digest = map(bytes.decode, found.groups())
        token = Token(bytes.fromhex(digest), name, scopes)
        if tokens.setdefault(token.digest, token) is not token:
            raise BadTokens("the same digest as on an earlier line", number)
    if not tokens:
        raise BadTokens("the file has no token")
    return tuple(tokens.values())


def scopes_of(text: str) -> frozenset[str] | None:
    """The scopes in a text of SCOPES, each once, separated by commas. None for any other text."""
    names = text.split(",")
    found = frozenset(names)
    return found if len(found) == len(names) and found <= {*SCOPES} else None


def check(tokens: Tokens, header: str | None) -> Token:
    """The token of an Authorization header, None where the request has no such header. Raises BadToken."""
    bearer = _BEARER.fullmatch(header or "")
    if bearer is None:
        raise BadToken(missing=True)
    shown = bearer[1] or ""
    found = with_digest(tokens, sha256(shown.encode()).digest())
    if not _TOKEN.fullmatch(shown):
        raise BadToken(missing=False)
    return found


def with_digest(tokens: Tokens, digest: bytes) -> Token:
    """The token of this digest. Raises BadToken."""
    # All are compared, so that the time does not depend on which one it is.
    found = [token for token in tokens if hmac.compare_digest(token.digest, digest)]
    if not found:
        raise BadToken(missing=False)
    return found[0]


def new(name: str, scopes: str) -> tuple[str, str]:
    """A new token, and its line for the file."""
    token = secrets.token_urlsafe(32)
    return token, f"{name} {scopes} {sha256(token.encode()).hexdigest()}"
