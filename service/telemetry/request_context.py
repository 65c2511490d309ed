"""Request context: what a request needs to know of itself. It is passed along in the WSGI environ."""

from typing import Any, TypeAlias

import msgspec

from schemas.result import ScoredBatch

ENVIRON_KEY = "delivery_risk.request_context"


Timing: TypeAlias = tuple[str, float, float]
"""A stage of a request, and when it began and ended, in seconds of time.perf_counter."""


class RequestContext(msgspec.Struct, eq=False):
    """The id of a request, what its log line says, and its timings.

    `notes` holds names and counts, never a feature's value. The first of the `timings` is the queue time, stage `wait`, where
    the server measures it. `scored` is the batch of the request, until it is counted.
    """

    request_id: str
    notes: dict[str, Any] = {}
    timings: list[Timing] = []
    scored: ScoredBatch | None = None
