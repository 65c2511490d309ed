"""Tokens for tests, wrong forms of them, and files of them that are replaced or broken."""

import base64
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

GOOD = "planner-Zk3QvX9tB2mR7wLcY5sHd8NfJ1aGe4U0"
OTHER = "grafana-p0OqWvN6yT3xKzM8rBcLs5HdJ2fGa9Ee"
UNKNOWN = "nobody-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0Kk"
REVOKED = "revoked-9fJ2kLmN5pQrS8tUvW1xYzA4bCdE7gHh"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def line(token: str, scopes: str = "score,read", name: str = "planner") -> str:
    return f"{name} {scopes} {digest(token)}\n"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


WRONG: dict[str, Callable[[str], str | None]] = {
    "missing": lambda token: None,
    "empty": lambda token: "",
    "no scheme": lambda token: token,
    "another scheme": lambda token: "Basic " + base64.b64encode(f"planner:{token}".encode()).decode(),
    "the scheme alone": lambda token: "Bearer",
    "unknown": lambda token: f"Bearer {UNKNOWN}",
    "revoked": lambda token: f"Bearer {REVOKED}",
    "a prefix": lambda token: f"Bearer {token[:-1]}",
    "longer": lambda token: f"Bearer {token}=",
    "another case": lambda token: f"Bearer {token.swapcase()}",
    "not ASCII": lambda token: f"Bearer {token}é".encode().decode("latin-1"),
    "twice": lambda token: f"Bearer {token},Bearer {token}",
    "its digest": lambda token: f"Bearer {digest(token)}",
    "in quotes": lambda token: f'Bearer "{token}"',
    "in bytes over 127": lambda token: "Bearer " + bytes(128 | byte for byte in token.encode()).decode("latin-1"),
    "very long": lambda token: f"Bearer {token * 150}",
}
"""Authorization headers (None: no header) that do not show this token; the first four show no bearer token at all."""


def replace(path: Path, text: str) -> None:
    """Rename a new file to this path, in place of anything there."""
    draft = path.with_name("draft")
    draft.write_text(text)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    os.replace(draft, path)


BREAKS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: os.truncate(path, path.stat().st_size - 20),
    "garbage": lambda path: path.write_bytes(random.randbytes(500)),
    "one valid line of two": lambda path: path.write_text(line(UNKNOWN) + "planner\n"),
    "deleted": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
    "unreadable": lambda path: path.chmod(0),  # to root it stays readable
    "too large": lambda path: path.write_text("# \n" * 30_000 + line(UNKNOWN)),
}
"""Ways to break a tokens file."""
