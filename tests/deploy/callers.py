"""Callers of the replicas of a service: usual or shifted batches of orders, probes, and invalid requests."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from model.core.batch import Batch
from tests.bearer_tokens import GOOD, bearer
from tests.facts import FEATURES
from tests.servers import Server

USUAL, SHIFTED = 4.0, 5.0
INTERVAL_SECONDS = 0.25
_HEADERS = {"Content-Type": "application/json", **bearer(GOOD)}


def orders(count: int, mean: float, seed: int) -> Batch:
    """Orders of the packaged model whose features have this mean; one in a hundred is out of range."""
    random = np.random.default_rng(seed)
    matrix = random.normal(mean, 1.5, (count, len(FEATURES))).clip(0, 10)
    matrix[random.random(count) < 0.01, 1] = 11.0
    return Batch([str(number) for number in range(count)], matrix)


@dataclass
class Callers:
    """Call each replica four times a second. `mean` and `troubled` may be changed meanwhile; `answered` counts orders.

    Troubled callers also send invalid batches, and more batches at once than a worker may compute.
    """

    replicas: Sequence[Server]
    mean: float = USUAL
    troubled: bool = False
    answered: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def calling(self) -> Iterator["Callers"]:
        thread = threading.Thread(target=self._call)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join(30)

    def _call(self) -> None:
        turn = 0
        while not self._ended.is_set():
            began = time.monotonic()
            for replica in self.replicas:
                turn += 1
                self._visit(replica, turn)
            self._ended.wait(max(0.0, INTERVAL_SECONDS - (time.monotonic() - began)))

    def _visit(self, replica: Server, turn: int) -> None:
        for count in (400, 5):
            self._score(replica, self._records(count, turn))
        replica.call("GET", "/readyz")
        if turn % 10 == 0:
            gaps = self._records(3, turn)
            gaps[0]["backlog"] = None
            self._score(replica, gaps, "?on_error=partial")
        if self.troubled or turn % 20 == 0:
            replica.call("POST", "/score", b'{"orders": [{"order_id": "x"}]}', _HEADERS)
        if self.troubled:
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(partial(self._score, replica), [self._records(4000, turn + number) for number in range(3)]))

    def _records(self, count: int, seed: int) -> list[dict[str, Any]]:
        batch = orders(count, self.mean, seed)
        rows = zip(batch.ids, batch.matrix.tolist(), strict=True)
        return [{"order_id": order_id, **dict(zip(FEATURES, row, strict=True))} for order_id, row in rows]

    def _score(self, replica: Server, records: list[dict[str, Any]], query: str = "") -> None:
        status, _, answer = replica.call("POST", f"/score{query}", json.dumps({"orders": records}).encode(), _HEADERS)
        if status == 200:
            with self._lock:
                self.answered += len(json.loads(answer)["results"])
