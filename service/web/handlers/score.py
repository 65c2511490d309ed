"""POST /score: a batch of orders in, their scores and queues out."""

import re
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from schemas.explanation import EXPLAIN, Explain
from schemas.formats.table import MEDIA_TYPES, NEEDED_EXTRAS, RequestBody, format_of
from schemas.result import Policy
from service.scoring.batch import Options
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web.errors import Problem
from service.web.handlers.batch_answer import by_flask, encoded
from service.web.media_type import media_type
from service.web.route import Answer, Components

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_VALUES = {"on_error": ("refuse", "partial"), "explain": EXPLAIN, "changes": ("true",)}
_NAMES = {*_VALUES, "review_top", "by"}
_ALLOWED = (
    "The query may only contain on_error=refuse or on_error=partial, explain=review or explain=all, changes=true, "
    "review_top and by, each once."
)
_COUNT = re.compile(r"[0-9]{1,9}")


def direct(components: Components, environ: "WSGIEnvironment") -> Answer:
    """Score the batch in the body. It is answered in the format in which it came."""
    context: RequestContext = environ[ENVIRON_KEY]
    settings = components.settings
    options = _options(settings.out_of_range, settings.max_orders, environ["QUERY_STRING"])
    received = media_type(environ, MEDIA_TYPES, NEEDED_EXTRAS)
    permit = components.concurrency_limit.permit(environ)
    body = RequestBody(received, permit.read(environ))
    scored = components.scoring.score(body, options, context, at_once=permit.at_once)
    begin = perf_counter()
    form = format_of(scored)
    content = form.encode(scored)
    return Answer(content, [*encoded(context, begin), ("Content-Type", form.content_type)])


score = by_flask(direct)


@lru_cache(maxsize=8)
def _options(policy: Policy, max_orders: int, query: str) -> Options:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    values_known = all(given.get(name, values[0]) in values for name, values in _VALUES.items())
    if len(given) < len(pairs) or not given.keys() <= _NAMES or not values_known:
        raise Problem(400, _ALLOWED)
    for name, needed in (("by", "review_top"), ("changes", "explain")):
        if name in given and needed not in given:
            raise Problem(400, f"The query parameter {name} needs {needed} beside it.")
    top = given.get("review_top")
    if top is not None and (not _COUNT.fullmatch(top) or not 1 <= int(top) <= max_orders):
        raise Problem(400, f"The query parameter review_top must be an integer from 1 to {max_orders}.")
    return Options(
        policy,
        given.get("on_error") == "partial",
        None if top is None else int(top),
        given.get("by"),
        cast(Explain | None, given.get("explain")),
        "changes" in given,
    )
