"""Key files: a secret key of the service, read once, when it starts. Errors never repeat any of it."""

from hashlib import blake2b

from model import files
from model.errors import ModelError

LEAST, LIMIT = 16, 4096
"""Bytes of a key, at least and at most."""


class BadKey(Exception):
    """A file that has no key. The message says why."""


def read(path: str) -> bytes:
    """The key in this file, without line ends after it, as 64 bytes. Raises BadKey."""
    try:
        content = files.read(path, LIMIT).rstrip(b"\r\n")
    except ModelError as error:
        raise BadKey(error.reason) from None
    if len(content) < LEAST:
        raise BadKey(f"expected a key of at least {LEAST} bytes")
    return blake2b(content).digest()  # a keyed hash takes no longer key
