"""POST /score: a batch of orders in, their scores and queues out."""

from time import perf_counter
from urllib.parse import parse_qsl

from flask import Request, Response

from schemas.formats.table import MEDIA_TYPES, RequestBody, format_of
from service.scoring.batch import Options
from service.telemetry.request_context import ENVIRON_KEY, RequestContext, Timing
from service.web import request_body
from service.web.errors import Problem
from service.web.route import Components

_UTF8 = ("utf-8", "utf8")


def score(components: Components, request: Request) -> Response:
    """Score the batch in the body. It is answered in the format in which it came."""
    context: RequestContext = request.environ[ENVIRON_KEY]
    settings = components.settings
    options = Options(settings.out_of_range, partial=_is_partial(request.query_string))
    if request.mimetype not in MEDIA_TYPES:
        empty = f" {request_body.NO_BODY}" if request_body.is_missing(request.environ) else ""
        raise Problem(415, f"Content-Type must be one of {', '.join(MEDIA_TYPES)}.{empty}")
    if request.mimetype_params.get("charset", "utf-8").lower() not in _UTF8:
        raise Problem(415, "The charset of the Content-Type must be utf-8, or none.")
    permit = components.concurrency_limit.permit(request.environ)
    body = RequestBody(request.mimetype, permit.read(request.environ))
    scored = components.scoring.score(body, options, context)
    begin = perf_counter()
    form = format_of(scored)
    content = form.encode(scored)
    context.timings = (*context.timings, Timing("encode", begin, perf_counter()))
    timing = ", ".join(f"{stage};dur={(end - begin) * 1000:.3f}" for stage, begin, end in context.timings)
    headers = {"Cache-Control": "no-store", "Server-Timing": timing}
    return Response(content, headers=headers, mimetype=form.media_type)


def _is_partial(query: bytes) -> bool:
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if given not in ([], [("on_error", "refuse")], [("on_error", "partial")]):
        raise Problem(400, "The query may only contain on_error=refuse or on_error=partial, once.")
    return given == [("on_error", "partial")]
