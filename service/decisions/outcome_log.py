"""Outcome log: the outcomes of each request, written beside the decisions before the request is answered."""

import threading
from datetime import UTC, datetime

from schemas.outcome import Outcomes, dumps, record
from service.decisions.log_files import LogFiles
from service.decisions.reading import OUTCOMES
from service.metrics.recorder import Metrics
from service.scoring.service import NotRecorded
from service.telemetry.request_context import RequestContext

_RECEIVED = "delivery_risk_outcomes_total"


class OutcomeLog:
    """The outcome log of one worker, in the folder of the decision log."""

    def __init__(self, folder: str, metrics: Metrics) -> None:
        self._folder, self._metrics = folder, metrics
        self._lock = threading.Lock()

    def attach(self, slot: int) -> None:
        """Write the files of the worker of this slot from now on. Call it in a new worker."""
        self._files = LogFiles(self._folder, OUTCOMES, slot)

    def write(self, outcomes: Outcomes, context: RequestContext) -> None:
        """Write and count the outcomes of a request that is about to be answered. Raises NotRecorded."""
        line = dumps(record(outcomes, datetime.now(UTC), context.request_id, context.notes.get("caller")))
        try:
            with self._lock:
                self._files.append(line)
        except OSError as error:
            raise NotRecorded from error
        late = sum(outcomes.late)
        for value, count in (("true", late), ("false", len(outcomes) - late)):
            if count:
                self._metrics.count(_RECEIVED, value, amount=count)
