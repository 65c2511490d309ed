"""Shadow: the challenger scores what the champion has answered, seen by metrics only.

A batch is taken up after its answer is sent, by one thread in each worker, which works in the gaps: it scores a slice at a
time and begins none while a request is being answered. What does not fit into the queue is dropped and counted, as is a
batch on which the challenger fails. Neither reaches a caller.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.core.batch import Batch
from model.core.risk_model import RiskModel, Scores
from service.metrics.recorder import Metrics
from service.scoring import policy

WAITING = 8
PRODUCTS = 2_000_000
"""What a slice may take: orders times parameters, a few milliseconds."""

PAUSE = 0.001
_log = logging.getLogger("delivery_risk.shadow")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A batch that the champion answered with these scores, for the challenger to score."""

    champion: RiskModel
    challenger: RiskModel
    batch: Batch
    scores: Scores


class Shadow:
    """Takes trials by `offer`, and works while this worker is not `busy` with a request."""

    def __init__(self, metrics: Metrics, policy: policy.Policy, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._metrics = metrics
        self._policy = policy
        self._trials: queue.Queue[Trial] = queue.Queue(WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, trial: Trial) -> None:
        """Have the trial made when there is time, or count that there was none."""
        try:
            self._trials.put_nowait(trial)
        except queue.Full:
            self._metrics.tried(trial.challenger, "dropped")
        with self._starting:
            if self._thread is None:  # not before the fork: a thread does not survive it
                self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            trial = self._trials.get()
            try:
                self._try(trial)
            except Exception:
                self._metrics.tried(trial.challenger, "failed")
                _log.warning("challenger failed", exc_info=True, extra={"model_version": trial.challenger.manifest.version})

    def _try(self, trial: Trial) -> None:
        differences, moves = [], {"monitor_to_review": 0, "review_to_monitor": 0}
        size = max(1, PRODUCTS // trial.challenger.network.parameter_count)
        for start in range(0, len(trial.batch), size):
            while self._busy():
                time.sleep(PAUSE)
            rows = slice(start, start + size)
            scores = trial.challenger.score(Batch(trial.batch.ids[rows], trial.batch.matrix[rows]))
            review, before = policy.review(scores, self._policy), trial.scores.review[rows]
            moves["monitor_to_review"] += int(np.count_nonzero(review & ~before))
            moves["review_to_monitor"] += int(np.count_nonzero(before & ~review))
            differences.append((scores.scores - trial.scores.scores[rows])[scores.finite])
        self._metrics.compared(trial.champion, trial.challenger, np.concatenate(differences), moves)
        self._metrics.tried(trial.challenger, "scored")
