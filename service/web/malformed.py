"""Unreadable: requests that are no sound HTTP, refused by the application like any other.

gunicorn would answer them by itself, in HTML and seen by nobody. Its worker has them refused here instead: with a problem, an
id, a log line, and a place in the metrics, by the route "unreadable". Nothing that the client sent goes with them.
"""

from typing import TYPE_CHECKING

from flask import Flask, request
from gunicorn.http import errors

from service.web.errors import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FAULT = "delivery_risk.unreadable"
"""The kind of gunicorn's error, in the environ of such a request; no header of a client's has a name like it."""

_OTHER = 400, "The request is not sound HTTP."
_TOLD: dict[type[errors.ParseException], tuple[int, str]] = {
    errors.InvalidRequestLine: (400, "The first line is not a method, a path and a version of HTTP."),
    errors.InvalidRequestMethod: (400, "The method is not well formed."),
    errors.InvalidHTTPVersion: (400, "The version is not HTTP/1.0 or HTTP/1.1."),
    errors.InvalidHeader: (400, "A header is not well formed."),
    errors.InvalidHeaderName: (400, "A header's name is not well formed."),
    errors.ObsoleteFolding: (400, "A header goes on in a second line."),
    errors.ForbiddenProxyRequest: (403, "The proxy is not one that is allowed."),
    errors.LimitRequestLine: (414, "The first line is too long."),
    errors.ExpectationFailed: (417, "The only expectation that is met is 100-continue."),
    errors.LimitRequestHeaders: (431, "A header is too long, or there are too many."),
    errors.UnsupportedTransferCoding: (501, "The Transfer-Encoding is not known."),
}
_NOT_THE_CLIENTS = errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName


def is_unreadable(error: BaseException) -> bool:
    """Whether gunicorn tells by this error that a client's request is not sound."""
    return isinstance(error, errors.ParseException) and not isinstance(error, _NOT_THE_CLIENTS)


def environ(error: errors.ParseException) -> "WSGIEnvironment":
    """The request that stands for one that failed with this error: without method, path or headers."""
    blank = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "SERVER_NAME", "SERVER_PORT")
    return {**dict.fromkeys(blank, ""), "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", FAULT: type(error)}


def register(app: Flask) -> None:
    """Refuse such requests before anything else is done."""

    @app.before_request
    def refuse() -> None:
        if FAULT in request.environ:
            raise Problem(*_TOLD.get(request.environ[FAULT], _OTHER))
