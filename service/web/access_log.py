"""Access log: one line for each request, with counts and names, never a feature's value.

A line has what explains a failure: the detail of the problem, the codes of the errors with their counts, and the path where no
route has it. Probes and scrapes are logged where they fail.
"""

import logging
import re
from string import punctuation
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from service.config import Settings
from service.telemetry.event_record import EventRecord
from service.telemetry.request_context import RequestContext
from service.telemetry.tracing import AnsweredRequest
from service.web.client_address import client_address
from service.web.path import path_of
from service.web.route import Route

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LONGEST_PATH = 128
_LONG_STEP = re.compile(r"[^/]{25,}")  # it may be a token
_log = logging.getLogger("delivery_risk.access")


class AccessLog:
    """Writes the lines that these settings ask for."""

    def __init__(self, settings: Settings) -> None:
        self._probes = settings.log_probes == "yes"
        self._client = settings.log_client == "yes"

    def write(
        self,
        environ: "WSGIEnvironment",
        route: Route | None,
        answered: AnsweredRequest,
        context: RequestContext,
        trace_id: str | None,
    ) -> None:
        """Write the line of a request, if it has one."""
        shown = route is None or route.traced or answered.status >= 400 or self._probes
        if not shown or not _log.isEnabledFor(logging.INFO):
            return
        line: dict[str, Any] = {
            "request_id": context.request_id,
            "method": answered.method,
            "route": answered.route,
            "status": answered.status,
        }
        if trace_id is not None:
            line["trace_id"] = trace_id
        if route is None and (path := _bounded(path_of(environ))):
            line["path"] = path
        if self._client and (client := client_address(environ)):
            line["client"] = client
        if context.timings and context.timings[0][0] == "wait":
            _, begin, end = context.timings[0]
            line["wait_ms"] = _milliseconds(end - begin)
        line["duration_ms"] = _milliseconds(answered.seconds)
        line |= context.notes
        _log.handle(EventRecord(_log.name, "request", line))


def _milliseconds(seconds: float) -> float:
    """To the microsecond; round with a number of digits would take six times as long."""
    return round(seconds * 1_000_000) / 1000


def _bounded(path: str) -> str:
    """The beginning of a path, without its long steps and with all but printable ASCII escaped."""
    return quote(_LONG_STEP.sub("...", path)[:LONGEST_PATH], safe=punctuation, encoding="latin-1", errors="replace")
