"""Media type: what a request says of the format of its body."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from werkzeug.http import parse_options_header

from service.web import request_body
from service.web.errors import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_UTF8 = ("utf-8", "utf8")


def media_type(environ: "WSGIEnvironment", known: Sequence[str], extras: Mapping[str, str] = {}) -> str:
    """The media type of the body, one of the known ones, without its parameters. Raises Problem 415.

    The `extras` are those that media types need and that are not installed.
    """
    given = environ.get("CONTENT_TYPE", "")
    if given in known:
        return str(given)
    found, parameters = parse_options_header(given)
    if extra := extras.get(found.lower()):
        raise Problem(
            415, f"{found.lower()} needs the extra {extra}, which is not installed: pip install 'delivery-risk[{extra}]'."
        )
    if found.lower() not in known:
        empty = f" {request_body.NO_BODY}" if request_body.is_missing(environ) else ""
        one_of = "one of " if len(known) > 1 else ""
        raise Problem(415, f"Content-Type must be {one_of}{', '.join(known)}.{empty}")
    if parameters.get("charset", "utf-8").lower() not in _UTF8:
        raise Problem(415, "The charset of the Content-Type must be utf-8, or none.")
    return found.lower()
