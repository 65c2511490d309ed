"""Request context: what a request needs to know of itself. It is passed along in the WSGI environ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.result import ScoredBatch

ENVIRON_KEY = "delivery_risk.request_context"


class Timing(NamedTuple):
    """A stage of a request; `begin` and `end` are seconds of time.perf_counter."""

    stage: str
    begin: float
    end: float


@dataclass(slots=True)
class RequestContext:
    """The id of a request, what its log line says, and its timings.

    `notes` holds names and counts, never a feature's value. The first of the `timings` is the queue time, stage `wait`, where
    the server measures it. `scored` is the batch of the request, until it is counted.
    """

    request_id: str
    notes: dict[str, Any] = field(default_factory=dict)
    timings: Sequence[Timing] = ()
    scored: ScoredBatch | None = None
