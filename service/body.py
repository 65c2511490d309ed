"""Body: a request's bytes, read whole or refused. On this stack a body cut short would reach a route without an error."""

from collections.abc import Mapping
from typing import Any

from service.problems import Problem

_DIGITS = 4000  # Python makes no number of more than 4,300


def read(environ: Mapping[str, Any], limit: int) -> bytes:
    """The body, as long as its Content-Length says and no longer than `limit` bytes. Raises Problem 400, 411, 413, 415."""
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Problem(415, "The body must not be compressed.", headers={"Accept-Encoding": "identity"})
    declared = environ.get("CONTENT_LENGTH", "")
    if not declared or "HTTP_TRANSFER_ENCODING" in environ:
        raise Problem(411, "The body must come with its Content-Length, not in chunks.")
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(400, "The Content-Length is not a number.")
    length = int(declared) if len(declared) <= _DIGITS else limit + 1
    if length > limit:
        raise Problem(413, f"The body is larger than {limit} bytes.")
    content: bytes = environ["wsgi.input"].read(length)
    if len(content) != length:
        raise Problem(400, "The body ended before its Content-Length.")
    return content
