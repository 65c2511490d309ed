"""Request body: read completely or rejected. On this stack a body cut short would reach a handler without an error."""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from service.web.errors import Problem

CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The supported content codings (RFC 9110, 8.4.1), with zlib's window bits for each."""

NO_BODY = "The request has no body, or no Content-Length: send one such as the example in /openapi.json."

_OTHER_NAMES = {"x-gzip": "gzip"}  # RFC 9110, 8.4.1.3

_DIGITS = 4000  # Python converts at most 4,300 digits to a number
_DISCARDED = 2**20


def read(environ: Mapping[str, Any], limit: int) -> bytes:
    """The body, of exactly its Content-Length, inflated by its Content-Encoding; at most `limit` bytes before and after.

    Raises Problem 400, 411, 413, 415.
    """
    coding = _coding(environ["HTTP_CONTENT_ENCODING"]) if "HTTP_CONTENT_ENCODING" in environ else None
    declared = environ.get("CONTENT_LENGTH", "")
    if is_missing(environ):
        raise Problem(400 if declared else 411, NO_BODY)
    if not declared or "HTTP_TRANSFER_ENCODING" in environ:
        raise Problem(411, "The body needs a Content-Length and must not be chunked.")
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(400, "The Content-Length is not a number.")
    length = int(declared) if len(declared) <= _DIGITS else limit + 1
    if length > limit:
        raise Problem(413, f"The body is larger than {limit} bytes.")
    try:
        content: bytes = environ["wsgi.input"].read(length)
    except OSError:  # the connection broke
        content = b""
    if len(content) != length:
        raise Problem(400, "The body ended before its Content-Length.")
    return content if coding is None else _inflate(content, coding, limit)


def _coding(given: str) -> str | None:
    """The content coding in this header, None for none. Raises Problem 415."""
    names = map(str.strip, given.lower().split(","))
    codings = [_OTHER_NAMES.get(name, name) for name in names if name not in ("", "identity")]
    if len(codings) > 1 or not CODINGS.keys() >= {*codings}:
        detail = f"The Content-Encoding must be {' or '.join(CODINGS)}, or none."
        raise Problem(415, detail, headers={"Accept-Encoding": ", ".join(CODINGS)})
    return codings[0] if codings else None


def is_missing(environ: Mapping[str, Any]) -> bool:
    """Whether the request has no body."""
    return environ.get("CONTENT_LENGTH", "") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ


def discard(environ: Mapping[str, Any], limit: int) -> None:
    """Read up to `limit` bytes of the body and keep nothing. Errors of reading are ignored."""
    with suppress(Exception):
        while limit > 0 and (piece := environ["wsgi.input"].read(_DISCARDED)):
            limit -= len(piece)


def _inflate(content: bytes, coding: str, limit: int) -> bytes:
    stream = zlib.decompressobj(CODINGS[coding])
    try:
        inflated = stream.decompress(content, limit + 1)
    except zlib.error:
        raise Problem(400, f"The body is not valid {coding}.") from None
    if len(inflated) > limit:
        raise Problem(413, f"The body is larger than {limit} bytes once it is inflated.")
    if not stream.eof:
        raise Problem(400, f"The {coding} body is cut short.")
    if stream.unused_data:
        raise Problem(400, f"The body continues after the end of its {coding} data.")
    return inflated
