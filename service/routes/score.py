"""POST /score: orders in, decisions out. The whole corridor, seen from HTTP."""

from time import perf_counter

import numpy as np
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from model.risk import RiskModel
from schemas.base import NotReadable
from schemas.contract import Decoded
from schemas.formats import MEDIA_TYPES
from service import access, body, scoring
from service.config import Settings
from service.lineup import Lineup, Stage
from service.metrics import Metrics
from service.problems import Problem
from service.shadow import Shadow, Trial


def blueprint(stage: Stage, settings: Settings, metrics: Metrics, shadow: Shadow) -> Blueprint:
    """The route for what stands on the stage, with the limits and the policy of these settings."""
    routes = Blueprint("score", __name__)

    @routes.post("/score")
    def score() -> Response:
        shadow.answering.append(None)
        try:
            return answer(stage.lineup)
        finally:
            shadow.answering.pop()

    def answer(lineup: Lineup) -> Response:
        model = lineup.champion.model
        partial = bool(request.query_string) and _partial(request.args)
        if request.mimetype not in MEDIA_TYPES:
            raise Problem(415, f"Content-Type must be {' or '.join(MEDIA_TYPES)}.")
        content = body.read(request.environ, settings.max_body_bytes)
        begun = perf_counter()
        try:
            form, decoded = lineup.champion.doors.decode(request.mimetype, content)
        except NotReadable as error:
            raise Problem(400, f"{error}.") from None
        read = perf_counter()
        decoded, scores = scoring.score(model, decoded, settings.out_of_range)
        scored = perf_counter()
        _note(model, decoded, int(np.count_nonzero(scores.review)))
        metrics.refused(decoded.faults)
        if decoded.faults and not (partial and all(fault.position is not None for fault in decoded.faults)):
            detail = f"{len(decoded.faults)} error{'s' * (len(decoded.faults) > 1)}; no order was scored."
            raise Problem(422, detail, decoded.faults, form.place)
        content = form.encode(model, decoded, scores, partial=partial)
        stages = (("decode", begun, read), ("score", read, scored), ("encode", scored, perf_counter()))
        access.current().stages = stages
        metrics.scored(model, scores, stages)
        timing = ", ".join(f"{stage};dur={(end - begin) * 1000:.3f}" for stage, begin, end in stages)
        headers = {"Cache-Control": "no-store", "Server-Timing": timing}
        response = Response(content, headers=headers, content_type=form.media_type)
        if lineup.challenger is not None:
            trial = Trial(model, lineup.challenger, decoded.batch, scores)
            response.call_on_close(lambda: shadow.offer(trial))
        return response

    return routes


def _partial(query: MultiDict[str, str]) -> bool:
    given = query.getlist("on_error")
    if set(query) - {"on_error"} or len(given) > 1 or not set(given) <= {"refuse", "partial"}:
        raise Problem(400, "The query may only hold on_error=refuse or on_error=partial, once.")
    return "partial" in given


def _note(model: RiskModel, decoded: Decoded, reviews: int) -> None:
    refused = {fault.position for fault in decoded.faults}
    counts = {"orders": len(decoded.batch), "review": reviews, "refused": len(refused)}
    access.current().notes |= {"model_version": model.manifest.version, **counts}
