"""Litestar with msgspec structs, without unknown fields, on uvicorn."""

from typing import Annotated

import msgspec
import numpy as np
from litestar import Litestar, post

from tests.benchmarks.peers.counting import count, timed
from tests.benchmarks.peers.plain import scores


class Order(msgspec.Struct, forbid_unknown_fields=True):
    order_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    route_disruption: float
    backlog: float
    weather_severity: float


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    orders: Annotated[list[Order], msgspec.Meta(min_length=1, max_length=10_000)]


class Result(msgspec.Struct):
    order_id: str
    score: float
    queue: str


class Decision(msgspec.Struct):
    results: list[Result]


@post("/score", status_code=200, sync_to_thread=False)
def score(data: Batch) -> Decision:
    with timed():
        x = np.array([[o.route_disruption, o.backlog, o.weather_severity] for o in data.orders])
        found = scores(x).tolist()
        count(found)
        rows = zip(data.orders, found, strict=True)
        return Decision([Result(o.order_id, s, "review" if s >= 0.6 else "monitor") for o, s in rows])


app = Litestar([score], request_max_body_size=64 * 2**20)
