"""Malformed requests: bytes that are not valid HTTP, answered by the application like any other request.

gunicorn would answer them in HTML, without a log line. The worker passes them to the application instead. They get a problem
document, an id, a log line and a count by the route "unreadable". Nothing that the client sent is repeated.
"""

from typing import TYPE_CHECKING

from gunicorn.http import errors

from service.web.errors import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ERROR = "delivery_risk.malformed"
"""In the environ of a malformed request: the class of gunicorn's error. No header of a client can set this key."""

_ANSWERS: dict[type[errors.ParseException], tuple[int, str]] = {
    errors.InvalidRequestLine: (400, "The first line is not a method, a path and an HTTP version."),
    errors.InvalidRequestMethod: (400, "The method is malformed."),
    errors.InvalidHTTPVersion: (400, "The version is not HTTP/1.0 or HTTP/1.1."),
    errors.InvalidHeader: (400, "A header is malformed."),
    errors.InvalidHeaderName: (400, "The name of a header is malformed."),
    errors.ObsoleteFolding: (400, "A header continues on a second line."),
    errors.ForbiddenProxyRequest: (403, "The proxy is not allowed."),
    errors.LimitRequestLine: (414, "The first line is too long."),
    errors.ExpectationFailed: (417, "The only supported expectation is 100-continue."),
    errors.LimitRequestHeaders: (431, "A header is too long, or there are too many headers."),
    errors.UnsupportedTransferCoding: (501, "The Transfer-Encoding is not known."),
}
_NOT_THE_CLIENTS = errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName


def is_client_error(error: BaseException) -> bool:
    """Whether gunicorn raises this error because a client's request is malformed."""
    return isinstance(error, errors.ParseException) and not isinstance(error, _NOT_THE_CLIENTS)


def environ_of(error: errors.ParseException) -> "WSGIEnvironment":
    """The environ of a malformed request that failed with this error: without method, path or headers."""
    blank = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "SERVER_NAME", "SERVER_PORT")
    return {**dict.fromkeys(blank, ""), "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", ERROR: type(error)}


def check(environ: "WSGIEnvironment") -> None:
    """Raise Problem if the request is malformed."""
    if ERROR in environ:
        raise Problem(*_ANSWERS.get(environ[ERROR], (400, "The request is not valid HTTP.")))
