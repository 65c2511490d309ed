"""Callers of the replicas of a service: batches of orders as they usually are, or shifted, and what goes wrong beside them."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from model.core.batch import Batch
from tests.bearer_tokens import GOOD, bearer
from tests.servers import Server

FEATURES = ("route_disruption", "backlog", "weather_severity")
USUAL, SHIFTED = 4.0, 5.0
EVERY = 0.25
_HEADERS = {"Content-Type": "application/json", **bearer(GOOD)}


def orders(count: int, mean: float, seed: int) -> Batch:
    """Orders of the default model's features around this mean; one in a hundred is out of range."""
    random = np.random.default_rng(seed)
    matrix = random.normal(mean, 1.5, (count, len(FEATURES))).clip(0, 10)
    matrix[random.random(count) < 0.01, 1] = 11.0
    return Batch([str(number) for number in range(count)], matrix)


@dataclass
class Crowd:
    """Calls each replica four times a second. `mean` and `troubled` may be changed meanwhile; `answered` counts orders."""

    replicas: Sequence[Server]
    mean: float = USUAL
    troubled: bool = False
    answered: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def calling(self) -> Iterator["Crowd"]:
        """The callers, until the block ends."""
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
            self._ended.wait(max(0.0, EVERY - (time.monotonic() - began)))

    def _visit(self, replica: Server, turn: int) -> None:
        self._score(replica, _records(orders(400, self.mean, turn)))
        self._score(replica, _records(orders(5, self.mean, turn)))
        replica.call("GET", "/readyz")
        if turn % 10 == 0:
            gaps = _records(orders(3, self.mean, turn))
            gaps[0]["backlog"] = None
            self._score(replica, gaps, "?on_error=partial")
        if self.troubled or turn % 20 == 0:
            replica.call("POST", "/score", b'{"orders": [{"order_id": "x"}]}', _HEADERS)
        if self.troubled:
            bodies = [_records(orders(4000, self.mean, turn + number)) for number in range(3)]
            with ThreadPoolExecutor(len(bodies)) as pool:
                list(pool.map(partial(self._score, replica), bodies))

    def _score(self, replica: Server, records: list[dict[str, object]], query: str = "") -> None:
        status, _, answer = replica.call("POST", f"/score{query}", json.dumps({"orders": records}).encode(), _HEADERS)
        if status == 200:
            with self._counting:
                self.answered += len(json.loads(answer)["results"])


def _records(batch: Batch) -> list[dict[str, object]]:
    return [
        {"order_id": order_id, **dict(zip(FEATURES, row, strict=True))}
        for order_id, row in zip(batch.ids, batch.matrix.tolist(), strict=True)
    ]
