"""Tokens for tests: made, written into files, and shown in every wrong form."""

import base64
import hashlib
from collections.abc import Callable, Iterable

GOOD = "planner-Zk3QvX9tB2mR7wLcY5sHd8NfJ1aGe4U0"
OTHER = "grafana-p0OqWvN6yT3xKzM8rBcLs5HdJ2fGa9Ee"
UNKNOWN = "nobody-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0Kk"
REVOKED = "revoked-9fJ2kLmN5pQrS8tUvW1xYzA4bCdE7gHh"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def line(token: str, scopes: str = "score,read", name: str = "planner") -> str:
    return f"{name} {scopes} {digest(token)}\n"


def lines(tokens: Iterable[str]) -> str:
    return "".join(map(line, tokens))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


WRONG: dict[str, Callable[[str], str | None]] = {
    "missing": lambda token: None,
    "empty": lambda token: "",
    "the scheme alone": lambda token: "Bearer",
    "unknown": lambda token: f"Bearer {UNKNOWN}",
    "revoked": lambda token: f"Bearer {REVOKED}",
    "a prefix": lambda token: f"Bearer {token[:-1]}",
    "longer": lambda token: f"Bearer {token}=",
    "another case": lambda token: f"Bearer {token.swapcase()}",
    "not ASCII": lambda token: f"Bearer {token}é".encode().decode("latin-1"),
    "no scheme": lambda token: token,
    "another scheme": lambda token: "Basic " + base64.b64encode(f"planner:{token}".encode()).decode(),
    "twice": lambda token: f"Bearer {token},Bearer {token}",
    "its digest": lambda token: f"Bearer {digest(token)}",
    "in quotes": lambda token: f'Bearer "{token}"',
    "in bytes over 127": lambda token: "Bearer " + bytes(128 | byte for byte in token.encode()).decode("latin-1"),
    "very long": lambda token: f"Bearer {token * 150}",
}
"""Authorization headers (None: no header) that do not show this token, though some are near it."""
