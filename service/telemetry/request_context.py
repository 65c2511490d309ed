"""Request context: what a request needs to know of itself. It is passed along in the WSGI environ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ENVIRON_KEY = "delivery_risk.request_context"


class Timing(NamedTuple):
    """A stage of a request; `begin` and `end` are seconds of time.perf_counter."""

    stage: str
    begin: float
    end: float


@dataclass(slots=True)
class RequestContext:
    """The id of a request, the seconds that it waited for a thread, what its log line says, and its timings.

    `queue_seconds` is None where the server does not measure it. `notes` holds names and counts, never a feature's value.
    """

    request_id: str
    queue_seconds: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    timings: Sequence[Timing] = ()
