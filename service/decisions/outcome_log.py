"""Outcome log: the outcomes of each request, written beside the decisions before the request is answered.

The look at its folder, a thread of its own (file_watcher.py), closes files that are due and releases them.
"""

from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from schemas.outcome import Outcomes, dumps, record
from service.decisions.log_files import LogFiles
from service.decisions.reading import OUTCOMES
from service.metrics.recorder import Metrics
from service.scoring.service import NotRecorded
from service.telemetry.request_context import RequestContext

SETTLE_SECONDS = 1.0
_RECEIVED = "delivery_risk_outcomes_total"


class OutcomeLog:
    """The outcome log of one worker, in the folder of the decision log; `sync` is the setting of that log."""

    def __init__(self, folder: str, sync: str, metrics: Metrics) -> None:
        self._folder, self._sync, self._metrics = folder, sync, metrics
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write the files of the worker of this slot from now on. Call it in a new worker."""
        self._files = LogFiles(self._folder, OUTCOMES, slot, sync=self._sync == "request")
        self._settled = monotonic()

    def look(self) -> None:
        """Close what is due, and settle it each second. Never raises: a write says what fails."""
        with suppress(OSError):
            self._files.look()
            if monotonic() - self._settled >= SETTLE_SECONDS:
                self._settled = monotonic()
                self._files.settle(self._sync == "second")

    def write(self, outcomes: Outcomes, context: RequestContext) -> None:
        """Write and count the outcomes of a request that is about to be answered. Raises NotRecorded."""
        line = dumps(record(outcomes, datetime.now(UTC), context.request_id, context.notes.get("caller")))
        try:
            self._files.append(line)
        except OSError as error:
            raise NotRecorded from error
        late = sum(outcomes.late)
        for value, count in (("true", late), ("false", len(outcomes) - late)):
            if count:
                self._metrics.count(_RECEIVED, value, amount=count)
