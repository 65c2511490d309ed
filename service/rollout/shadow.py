"""Shadow: the challenger scores what the champion has answered; only metrics show it.

One thread in each worker scores the batches in the gaps between requests: one slice at a time, and none while a request is
computed. A batch that does not fit into the queue is dropped and counted; so is a batch on which the challenger fails.
Callers notice neither. Queues are compared as if the challenger were the champion: by its own threshold, or its own selection;
and as they are without a holdout, which would be the same for both.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from model.core.batch import Batch
from model.core.risk_model import RiskModel
from schemas.result import ScoredBatch
from service.metrics.recorder import Metrics
from service.scoring.batch import review
from service.scoring.selection import select_of_batch

WAITING = 8
PRODUCTS = 2_000_000
"""Orders times parameters of a slice: a few milliseconds."""

PAUSE = 0.001
_log = logging.getLogger("delivery_risk.shadow")


class Shadow:
    """Takes batches by `offer`, and works while this worker is not `busy` with a request."""

    def __init__(self, metrics: Metrics, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._metrics = metrics
        self._trials: queue.Queue[tuple[RiskModel, ScoredBatch]] = queue.Queue(WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, challenger: RiskModel, scored: ScoredBatch) -> None:
        """Queue the batch for the challenger, or count that it is dropped."""
        try:
            self._trials.put_nowait((challenger, scored))
        except queue.Full:
            self._count(challenger, "dropped")
        with self._starting:
            if self._thread is None:  # not before the fork: threads do not survive it
                thread = threading.Thread(target=self._work, name="shadow", daemon=True)
                with suppress(RuntimeError):  # no thread can be started now; the next batch tries again
                    thread.start()
                    self._thread = thread

    def _count(self, challenger: RiskModel, outcome: str) -> None:
        self._metrics.count("delivery_risk_challenger_batches_total", challenger.manifest.version, outcome)

    def _work(self) -> None:
        while True:
            challenger, scored = self._trials.get()
            try:
                self._try(challenger, scored)
            except Exception:
                self._count(challenger, "failed")
                _log.warning("challenger failed", exc_info=True, extra={"model_version": challenger.manifest.version})

    def _try(self, challenger: RiskModel, scored: ScoredBatch) -> None:
        slices, batch, selection = [], scored.decoded.batch, scored.selection
        size = max(1, PRODUCTS // challenger.network.parameter_count)
        for start in range(0, len(batch) or 1, size):
            self._wait()
            rows = slice(start, start + size)
            found = challenger.score(Batch(batch.ids[rows], batch.matrix[rows]))
            slices.append((found.scores, found.finite, found.out_of_range.any(axis=1), review(found, scored.policy)))
        scores, finite, outside, after = map(np.concatenate, zip(*slices, strict=True))
        if selection is not None:
            self._wait()
            after = select_of_batch(scored.decoded, scores, outside, scored.policy, selection.review_top, selection.by).review
        before = scored.scores.review.copy()
        before[[] if scored.holdout is None else scored.holdout.orders] = True
        moves = {
            "monitor_to_review": int(np.count_nonzero(after & ~before)),
            "review_to_monitor": int(np.count_nonzero(before & ~after)),
        }
        self._metrics.compared(scored.model, challenger, (scores - scored.scores.scores)[finite], moves)
        self._count(challenger, "scored")

    def _wait(self) -> None:
        while self._busy():
            time.sleep(PAUSE)
