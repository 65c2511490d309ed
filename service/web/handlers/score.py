"""POST /score: orders in, decisions out. The whole corridor, seen from HTTP."""

from time import perf_counter

import numpy as np
from flask import Blueprint, Request, Response, request

from schemas.fields import MalformedBody
from schemas.formats.table import MEDIA_TYPES
from service.config import Settings
from service.metrics.recorder import Metrics
from service.rollout.shadow import Shadow, Trial
from service.scoring import policy
from service.serving.active_models import ActiveModels, Serving
from service.web import middleware
from service.web.concurrency_limit import ConcurrencyLimit
from service.web.errors import Problem


def blueprint(stage: Serving, settings: Settings, metrics: Metrics, admission: ConcurrencyLimit, shadow: Shadow) -> Blueprint:
    """The route for what stands on the stage, with the limits and the policy of these settings."""
    routes = Blueprint("score", __name__)

    @routes.post("/score")
    def score() -> Response:
        partial = bool(request.query_string) and _partial(request)
        if request.mimetype not in MEDIA_TYPES:
            raise Problem(415, f"Content-Type must be {' or '.join(MEDIA_TYPES)}.")
        environ = request.environ
        with admission.place(environ) as place:
            return decide(stage.active, place.read(environ, settings.max_body_bytes), partial)

    def decide(active: ActiveModels, content: bytes, partial: bool) -> Response:
        model = active.champion.model
        begun = perf_counter()
        try:
            form, decoded = active.champion.decoder.decode(request.mimetype, content)
        except MalformedBody as error:
            raise Problem(400, f"{error}.") from None
        read = perf_counter()
        decoded, scores = policy.score(model, decoded, settings.out_of_range)
        scored = perf_counter()
        answered = not decoded.faults or (partial and all(fault.position is not None for fault in decoded.faults))
        orders, reviews = (len(decoded.batch), int(np.count_nonzero(scores.review))) if answered else (0, 0)
        counts = {"orders": orders, "review": reviews, "refused": decoded.received - orders}
        middleware.current().notes |= {"model_version": model.manifest.version, "model_sha256": model.sha256, **counts}
        if decoded.faults:
            metrics.refused(decoded.faults, decoded.received - orders)
        if not answered:
            detail = f"{len(decoded.faults)} error{'s' * (len(decoded.faults) > 1)}; no order was scored."
            raise Problem(422, detail, decoded.faults, form.place)
        content = form.encode(model, decoded, scores, settings.out_of_range, partial=partial)
        stages = (("decode", begun, read), ("score", read, scored), ("encode", scored, perf_counter()))
        record = middleware.current()
        record.stages = (*record.stages, *stages)
        metrics.scored(model, scores, stages)
        timing = ", ".join(f"{stage};dur={(end - begin) * 1000:.3f}" for stage, begin, end in record.stages)
        headers = {"Cache-Control": "no-store", "Server-Timing": timing}
        response = Response(content, headers=headers, content_type=form.media_type)
        if active.challenger is not None:
            trial = Trial(model, active.challenger, decoded.batch, scores)
            response.call_on_close(lambda: shadow.offer(trial))
        return response

    return routes


def _partial(asked: Request) -> bool:
    try:
        given = asked.args.to_dict(flat=False)
    except UnicodeDecodeError:  # werkzeug's own handling is for what is percent-encoded, not for bytes as they are
        given = {"": []}
    values = given.pop("on_error", [])
    if given or len(values) > 1 or not set(values) <= {"refuse", "partial"}:
        raise Problem(400, "The query may only hold on_error=refuse or on_error=partial, once.")
    return "partial" in values
