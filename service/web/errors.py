"""Problems: every answer that is not a success, as application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from schemas.faults import Fault, Locate, told
from service.web import middleware

_log = logging.getLogger("delivery_risk.problems")

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100

PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read."),
    401: ("unauthorized", "The request shows no valid token."),
    403: ("forbidden", "The token is not good for this."),
    404: ("not-found", "There is nothing at this path."),
    405: ("method-not-allowed", "The path does not take this method."),
    408: ("request-timeout", "The request took too long to arrive."),
    411: ("length-required", "A body needs a Content-Length."),
    413: ("body-too-large", "The body is over the limit."),
    414: ("uri-too-long", "The address is too long."),
    415: ("unsupported-media-type", "The body is of a kind that is not taken here."),
    417: ("expectation-failed", "What is expected cannot be met."),
    422: ("invalid-batch", "The batch holds orders that cannot be scored."),
    431: ("headers-too-large", "The headers are too large."),
    500: ("internal-error", "The service failed; the request may be sent again."),
    501: ("unknown-transfer-coding", "The body is framed in a way that is not known here."),
    503: ("unavailable", "The service cannot take the request now; it may be sent again."),
}
_OTHER = ("http-error", "The request cannot be answered.")


class Problem(Exception):
    """Raised by a route: the status, in words what is wrong, and the faults with how to point at them."""

    def __init__(
        self,
        status: int,
        detail: str,
        faults: Sequence[Fault] = (),
        place: Locate | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = faults
        self.place = place
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer, with at most 100 errors and their true count."""
        kind, title = PROBLEMS.get(self.status, _OTHER)
        body: dict[str, Any] = {
            "type": f"urn:delivery-risk:problem:{kind}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "request_id": middleware.current().request_id,
        }
        if self.place is not None:
            body |= told(self.faults, self.place, MOST_ERRORS)
        return Response(msgspec.json.encode(body), self.status, self.headers, content_type=MEDIA_TYPE)


def register(app: Flask) -> None:
    """Answer every error of this application with a problem."""
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_from_library)


def _from_http(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    return Problem(status, PROBLEMS.get(status, _OTHER)[1], headers=headers).response()


def _from_library(response: Response) -> Response:
    """A problem instead of what a library has answered by itself, as werkzeug does where an If-Match does not match."""
    if response.status_code < 400 or response.content_type == MEDIA_TYPE:
        return response
    response.close()
    return Problem(response.status_code, PROBLEMS.get(response.status_code, _OTHER)[1]).response()


def _unexpected(error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error, extra={"request_id": middleware.current().request_id})
    return Problem(500, PROBLEMS[500][1]).response()
