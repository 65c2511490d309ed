"""POST /v2/…/infer and /v1/…:predict and :explain: batches by the protocols of model servers, scored as those of /score."""

import re
import zlib
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from schemas.explanation import Explain
from schemas.formats import v1, v2_answer
from schemas.formats.infer_request import Wanted
from schemas.formats.table import JSON, V1, V2, RequestBody
from schemas.result import ScoredBatch
from service.scoring.batch import Options
from service.scoring.selection import ranks_of
from service.scoring.service import ModelName
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web.errors import Problem
from service.web.handlers.batch_answer import encoded
from service.web.route import Answer, Components, json_length, names_in

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BINARY = "application/octet-stream"
LENGTH = "Inference-Header-Content-Length"
_COMPRESSED_BYTES = 1024
"""Shorter answers are not compressed: it would save no packet."""

_FASTEST = 1
_CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_ACCEPTED = re.compile(r"\s*([a-z]+)\s*(?:;\s*q=([0-9.]{1,5})\s*)?", re.ASCII)


def infer(components: Components, environ: "WSGIEnvironment") -> Answer:
    """Score the tensors in the body."""
    context: RequestContext = environ[ENVIRON_KEY]
    model = _model(components, environ)
    try:
        length = json_length(environ)
    except ValueError:
        raise Problem(400, f"{LENGTH} must be a number of bytes.") from None
    permit = components.concurrency_limit.permit(environ)
    content = permit.read(environ)
    begun = perf_counter()
    request = components.serving.active.champion.decoder.v2.read(content, length)
    body, options = RequestBody(V2, content, request), _options(components, request.wanted)
    scored = components.scoring.score(body, options, context, at_once=permit.at_once, model=model, begun=begun)
    begin = perf_counter()
    wanted = request.wanted
    ranks = ranks_of(scored) if "rank" in wanted.outputs else None
    answer = v2_answer.answer(scored, wanted.outputs, wanted.id or context.request_id, ranks)
    headers = [("Content-Type", JSON)]
    if answer.length is not None:
        headers = [("Content-Type", BINARY), (LENGTH, str(answer.length))]
    content, coding = _compressed(answer.content, environ.get("HTTP_ACCEPT_ENCODING", ""))
    return Answer(content, [*encoded(context, begin), *headers, *coding])


def _v1(components: Components, environ: "WSGIEnvironment", *, explained: bool) -> Answer:
    context: RequestContext = environ[ENVIRON_KEY]
    model = _model(components, environ)
    permit = components.concurrency_limit.permit(environ)
    body = RequestBody(V1, permit.read(environ))
    options = Options(components.settings.out_of_range, explain="all" if explained else None)
    scored: ScoredBatch = components.scoring.score(body, options, context, at_once=permit.at_once, model=model)
    begin = perf_counter()
    content = v1.encode(scored)
    return Answer(content, [*encoded(context, begin), ("Content-Type", JSON)])


predict = partial(_v1, explained=False)
explain = partial(_v1, explained=True)


def _model(components: Components, environ: "WSGIEnvironment") -> ModelName:
    """The model in the path, which is checked before the body is read, and again when it scores. Raises UnknownModel."""
    if environ["QUERY_STRING"]:
        raise Problem(400, "The query must be empty. Parameters are members of the body.")
    names = names_in(environ)
    model = ModelName(names["model"], names.get("version"))
    model.require(components.serving.active.champion.model.manifest)
    return model


def _options(components: Components, wanted: Wanted) -> Options:
    explained: Explain | None = "all" if "contribution" in wanted.outputs else None
    by = wanted.by if wanted.review_top is not None else None
    return Options(components.settings.out_of_range, review_top=wanted.review_top, by=by, explain=explained)


def _compressed(content: bytes, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """The content in the first coding that is asked for by its name, and the headers that say so."""
    if not accepted or len(content) < _COMPRESSED_BYTES:
        return content, []
    asked = (_ACCEPTED.fullmatch(each) for each in accepted.lower().split(","))
    for each in asked:
        if each is not None and each[1] in _CODINGS and (each[2] or "1").strip("0."):
            stream = zlib.compressobj(_FASTEST, zlib.DEFLATED, _CODINGS[each[1]])
            packed = stream.compress(content) + stream.flush()
            return packed, [("Content-Encoding", each[1]), ("Vary", "Accept-Encoding")]
    return content, [("Vary", "Accept-Encoding")]
