"""Decision log: a record of each answered batch, written before its answer is sent."""

import threading
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import count

from schemas.decision_record import About, dumps, record
from schemas.result import ScoredBatch
from service.decisions.log_files import LogFiles
from service.scoring.batch import Options
from service.scoring.service import NotRecorded
from service.telemetry.request_context import RequestContext
from service.version import VERSION


class DecisionLog:
    """The decision log of one worker, in this folder."""

    def __init__(self, folder: str, omit: Collection[str]) -> None:
        self._folder, self._omit = folder, omit
        self._lock = threading.Lock()

    def attach(self, slot: int) -> None:
        """Write the files of the worker of this slot from now on. Call it in a new worker."""
        self._files = LogFiles(self._folder, "decisions", slot)
        self._numbers = count(1)

    @property
    def waits(self) -> bool:
        """Whether a write may take longer than others can wait for."""
        return False

    def write(self, scored: ScoredBatch, options: Options, context: RequestContext) -> str:
        """Write the record of a batch that is about to be answered; its decision id. Raises NotRecorded."""
        decision_id = f"{self._files.name}-{next(self._numbers)}"
        caller = context.notes.get("caller")
        about = About(datetime.now(UTC), decision_id, context.request_id, VERSION, caller, options.explain, options.changes)
        line = dumps(record(scored, about, self._omit))
        try:
            with self._lock:
                self._files.append(line)
        except OSError as error:
            raise NotRecorded from error
        return decision_id
