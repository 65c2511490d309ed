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
from service.telemetry.request_context import RequestContext
from service.telemetry.tracing import AnsweredRequest
from service.web.client_address import client_address
from service.web.route import Route, path_of

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
        if route is not None and not route.traced and answered.status < 400 and not self._probes:
            return
        line: dict[str, Any] = {
            "request_id": context.request_id,
            "method": answered.method,
            "route": answered.route,
            "status": answered.status,
            "trace_id": trace_id,
            "path": _bounded(path_of(environ)) if route is None else None,
            "client": client_address(environ) if self._client else None,
            "wait_ms": next((round((end - begin) * 1000, 3) for stage, begin, end in context.timings if stage == "wait"), None),
            "duration_ms": round(answered.seconds * 1000, 3),
            **context.notes,
        }
        _log.info("request", extra={name: value for name, value in line.items() if value not in (None, "")})


def _bounded(path: str) -> str:
    """The beginning of a path, without its long steps and with all but printable ASCII escaped."""
    return quote(_LONG_STEP.sub("...", path)[:LONGEST_PATH], safe=punctuation, encoding="latin-1", errors="replace")
