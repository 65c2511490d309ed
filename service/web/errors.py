"""Errors: every answer that is not a success is a problem document (RFC 9457).

Under /v2 and /v1 it is what clients of these protocols read, see protocol_errors.py.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from schemas.faults import Fault, Locate, MalformedBody, error_members
from schemas.formats.table import format_of
from schemas.names import listed
from service.scoring.service import BatchRejected, NotRecorded, UnknownContext, UnknownModel
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web import protocol_errors
from service.web.path import path_of

_log = logging.getLogger("delivery_risk.problems")

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100

PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read."),
    401: ("unauthorized", "The request has no valid token."),
    403: ("forbidden", "The token lacks the required scope."),
    404: ("not-found", "The path does not exist."),
    405: ("method-not-allowed", "The path does not support this method."),
    408: ("request-timeout", "The request took too long to arrive."),
    411: ("length-required", "A body needs a Content-Length."),
    413: ("body-too-large", "The body is larger than the limit."),
    414: ("uri-too-long", "The URI is too long."),
    415: ("unsupported-media-type", "The media type, the charset or the coding of the body is not supported."),
    417: ("expectation-failed", "The expectation cannot be met."),
    422: ("invalid-batch", "The body contains invalid orders or outcomes."),
    431: ("headers-too-large", "The headers are too large."),
    500: ("internal-error", "The service failed. The request may be sent again."),
    501: ("unknown-transfer-coding", "The transfer coding of the body is not supported."),
    503: ("unavailable", "The service cannot handle the request now. It may be sent again."),
}
_UNKNOWN = {
    "model": "The model does not exist. GET /v2/models has the name of the model that is served.",
    "version": "The version is not served. GET /v2/models/<model> has the version that is.",
}
_OTHER = ("http-error", "The request cannot be answered.")


class ErrorPage(Response):
    """An error that is answered with a page in place of a problem document."""


@dataclass(eq=False)
class Problem(Exception):
    """Raised to answer with this status.

    `detail` says what is wrong, by default the title of the status; `locate` gives the places of the `faults`. `kind` is the
    code of an error under /v2 and /v1, by default the name of the status.
    """

    status: int
    detail: str = ""
    faults: Sequence[Fault] = ()
    locate: Locate | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""

    def response(self) -> Response:
        """The answer, with at most MOST_ERRORS errors and their count."""
        kind, title = PROBLEMS.get(self.status, _OTHER)
        context: RequestContext = request.environ[ENVIRON_KEY]
        context.notes["detail"] = self.detail or title
        if protocol_errors.has(path_of(request.environ)):
            status = protocol_errors.STATUSES.get(self.status, self.status)
            content = protocol_errors.encode(self.kind or kind, self.detail or title, self.faults, context.request_id)
            return Response(content, status, self.headers, content_type=protocol_errors.MEDIA_TYPE)
        body: dict[str, Any] = {
            "type": f"urn:delivery-risk:problem:{kind}",
            "title": title,
            "status": self.status,
            "detail": self.detail or title,
            "request_id": context.request_id,
        }
        if self.locate is not None:
            body |= error_members(self.faults, self.locate, self.faults[:MOST_ERRORS])
        return Response(msgspec.json.encode(body), self.status, self.headers, content_type=MEDIA_TYPE)


def register(app: Flask) -> None:
    """Answer every error of this application with a problem document."""
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(MalformedBody, lambda error: Problem(400, f"{error}.").response())
    app.register_error_handler(BatchRejected, _rejected)
    app.register_error_handler(UnknownContext, _unknown_context)
    app.register_error_handler(UnknownModel, _unknown_model)
    app.register_error_handler(NotRecorded, _not_recorded)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_from_library)


def _rejected(error: BatchRejected) -> Response:
    faults = error.scored.decoded.faults
    detail = f"{len(faults)} error{'s' * (len(faults) > 1)}; no order was scored."
    return Problem(422, detail, faults, format_of(error.scored).locate).response()


def _unknown_context(error: UnknownContext) -> Response:
    known = f"it has {listed(error.known)}" if error.known else "it has none"
    return Problem(400, f"The query parameter by must name a context of the model; {known}.").response()


def _unknown_model(error: UnknownModel) -> Response:
    return Problem(404, _UNKNOWN[error.what], kind=f"unknown-{error.what}").response()


def _not_recorded(_: NotRecorded) -> Response:
    return Problem(503, "The decision log cannot be written, so no order was scored.", headers={"Retry-After": "5"}).response()


def _from_http(error: HTTPException) -> Response:
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    return Problem(error.code or 500, headers=headers).response()


def _from_library(response: Response) -> Response:
    """A problem document in place of an error that a library answered itself, as werkzeug does for a failed If-Match."""
    expected = protocol_errors.MEDIA_TYPE if protocol_errors.has(path_of(request.environ)) else MEDIA_TYPE
    if response.status_code < 400 or response.content_type == expected or isinstance(response, ErrorPage):
        return response
    response.close()
    return Problem(response.status_code).response()


def _unexpected(error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error, extra={"request_id": request.environ[ENVIRON_KEY].request_id})
    return Problem(500).response()
