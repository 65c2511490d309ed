"""Callers of the replicas of a service: usual or shifted batches of orders, probes, and invalid requests."""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.bearer_tokens import GOOD, bearer
from tests.facts import FEATURES
from tests.servers import Server

USUAL, SHIFTED = 4.0, 5.0
INTERVAL_SECONDS = 0.25
_HEADERS = {"Content-Type": "application/json", **bearer(GOOD)}


CARRIERS = ("AA", "UA", "ZZ", None)


def orders(count: int, mean: float, seed: int) -> list[dict[str, Any]]:
    """Orders whose numbers have this mean; one in a hundred is out of range. They have one of CARRIERS, shifted ones others."""
    random = np.random.default_rng(seed)
    matrix = random.normal(mean, 1.5, (count, len(FEATURES))).clip(0, 10)
    matrix[random.random(count) < 0.01, 1] = 11.0
    carriers = random.choice(CARRIERS, count, p=(0.6, 0.3, 0.05, 0.05) if mean == USUAL else (0.2, 0.5, 0.1, 0.2))
    names = ("order_id", *FEATURES, "carrier")
    return [
        dict(zip(names, (str(n), *row, carrier), strict=True))
        for n, (row, carrier) in enumerate(zip(matrix.tolist(), carriers.tolist(), strict=True))
    ]


def _answered(replica: Server, batch: list[dict[str, Any]], query: str = "") -> int:
    """The number of results for this batch: none if it is rejected."""
    status, _, answer = replica.call("POST", f"/score{query}", json.dumps({"orders": batch}).encode(), _HEADERS)
    return len(json.loads(answer)["results"]) if status == 200 else 0


@dataclass
class Callers:
    """Call each replica four times a second. `mean` and `troubled` may be changed meanwhile; `answered` counts orders.

    Troubled callers also send invalid batches, and more batches at once than a worker may compute.
    """

    replicas: Sequence[Server]
    mean: float = USUAL
    troubled: bool = False
    answered: int = 0

    @contextmanager
    def calling(self) -> Iterator["Callers"]:
        ended = threading.Event()
        thread = threading.Thread(target=self._call, args=(ended,))
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(30)

    def _call(self, ended: threading.Event) -> None:
        turns = itertools.count(1)
        while not ended.is_set():
            began = time.monotonic()
            for replica in self.replicas:
                self._visit(replica, next(turns))
            ended.wait(max(0.0, INTERVAL_SECONDS - (time.monotonic() - began)))

    def _visit(self, replica: Server, turn: int) -> None:
        for count, query in ((400, ""), (5, "?explain=review")):
            self.answered += _answered(replica, orders(count, self.mean, turn), query)
        replica.call("GET", "/readyz")
        if turn % 10 == 0:
            first, *others = orders(3, self.mean, turn)
            self.answered += _answered(replica, [first | {"backlog": None}, *others], "?on_error=partial")
        if self.troubled or turn % 20 == 0:
            replica.call("POST", "/score", b'{"orders": [{"order_id": "x"}]}', _HEADERS)
        if self.troubled:
            batches = [orders(4000, self.mean, turn + number) for number in range(3)]
            with ThreadPoolExecutor(3) as pool:
                self.answered += sum(pool.map(partial(_answered, replica), batches))
