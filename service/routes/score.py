"""POST /score: orders in, decisions out. The whole corridor, seen from HTTP."""

from time import perf_counter

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from model.risk import RiskModel
from schemas.document import NotJSON
from schemas.formats import BODIES
from schemas.records import Decoded, Records
from service import access, body, scoring
from service.config import Settings
from service.metrics import Metrics
from service.problems import Problem


def blueprint(model: RiskModel, records: Records, settings: Settings, metrics: Metrics) -> Blueprint:
    """The route for this model, with the limits and the policy of these settings."""
    routes = Blueprint("score", __name__)

    @routes.post("/score")
    def score() -> Response:
        partial = _partial(request.args)
        form = BODIES.get(request.mimetype)
        if form is None:
            raise Problem(415, f"Content-Type must be {' or '.join(BODIES)}.")
        content = body.read(request.environ, settings.max_body_bytes)
        begun = perf_counter()
        try:
            decoded = form.decode(records, content)
        except NotJSON as error:
            raise Problem(400, f"{error}.") from None
        read = perf_counter()
        decoded, scores = scoring.score(model, decoded, settings.out_of_range)
        scored = perf_counter()
        _note(model, decoded, sum(scores.review.tolist()))
        metrics.refused(decoded.faults)
        if decoded.faults and not (partial and all(fault.position is not None for fault in decoded.faults)):
            detail = f"{len(decoded.faults)} error{'s' * (len(decoded.faults) > 1)}; no order was scored."
            raise Problem(422, detail, decoded.faults, form.pointer)
        answer = form.encode(model, decoded, scores, form.pointer if partial else None)
        stages = {"decode": read - begun, "score": scored - read, "encode": perf_counter() - scored}
        metrics.scored(scores, stages)
        timing = ", ".join(f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in stages.items())
        headers = {"Cache-Control": "no-store", "Server-Timing": timing}
        return Response(answer, headers=headers, content_type=request.mimetype)

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
