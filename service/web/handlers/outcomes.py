"""POST /outcomes: what happened to orders, kept for their evaluation."""

from collections import Counter

from flask import Request
from flask.typing import ResponseReturnValue

from schemas.formats import outcomes as bodies
from schemas.formats.table import JSON
from schemas.outcome import InvalidOutcomes
from service import config
from service.scoring.service import NotRecorded
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web.errors import Problem
from service.web.media_type import media_type
from service.web.route import Components

_NO_LOG = f"This service keeps no outcomes: {config.variable('decision_log')} is not set."
_NOT_KEPT = "The decision log cannot be written, so no outcome is kept. Send the outcomes again."


def outcomes(components: Components, request: Request) -> ResponseReturnValue:
    """Keep the outcomes in the body, completely or not at all."""
    environ = request.environ
    context: RequestContext = environ[ENVIRON_KEY]
    if components.outcome_log is None:  # no 503: to send it again would not help
        raise Problem(404, _NO_LOG)
    if environ["QUERY_STRING"]:
        raise Problem(400, "The query must be empty.")
    media_type(environ, (JSON,))
    content = components.concurrency_limit.permit(environ).read(environ)
    try:
        found = bodies.decode(content, components.settings.max_orders)
        components.outcome_log.write(found, context)
    except InvalidOutcomes as error:
        faults = error.faults
        context.notes["error_codes"] = dict(Counter(fault.code for fault in faults).most_common())
        detail = f"{len(faults)} error{'s' * (len(faults) > 1)}; no outcome was kept."
        raise Problem(422, detail, faults, bodies.locate) from None
    except NotRecorded:
        raise Problem(503, _NOT_KEPT, headers={"Retry-After": "5"}) from None
    context.notes["outcomes"] = len(found)
    return {"received": len(found)}, {"Cache-Control": "no-store"}
