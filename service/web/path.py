"""Path: that of a request, as the server received it."""

from typing import TYPE_CHECKING

from gunicorn.util import split_request_uri

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def path_of(environ: "WSGIEnvironment") -> str:
    """The path of a request as the server received it."""
    uri = environ.get("RAW_URI")
    path: str = environ["PATH_INFO"] if uri is None else split_request_uri(uri).path
    return path
