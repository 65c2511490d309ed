"""FastAPI with pydantic models, strict and without extra fields, on uvicorn: a `def` route, and an `async def` one."""

from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI
from pydantic import Field

from tests.benchmarks.peers.counting import count, timed
from tests.benchmarks.peers.plain import decide
from tests.benchmarks.peers.pydantic_shapes import MOST_ORDERS, Decision, Identified, Number, Strict


class Order(Identified):
    route_disruption: Number
    backlog: Number
    weather_severity: Number


class Batch(Strict):
    orders: Annotated[list[Order], Field(min_length=1, max_length=MOST_ORDERS)]


app = FastAPI()


def decided(batch: Batch) -> dict[str, Any]:
    with timed():
        x = np.array([[o.route_disruption, o.backlog, o.weather_severity] for o in batch.orders])
        results = decide([o.order_id for o in batch.orders], x)
        count([result["score"] for result in results])
        return {"results": results}


@app.post("/score", response_model=Decision)
def score(batch: Batch) -> Any:
    return decided(batch)


@app.post("/score-async", response_model=Decision)
async def score_async(batch: Batch) -> Any:
    return decided(batch)
