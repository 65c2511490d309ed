"""FastAPI with pydantic models, strict and without extra fields, on uvicorn: a `def` route, and an `async def` one."""

from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tests.benchmarks.peers.counting import count, timed
from tests.benchmarks.peers.plain import decide

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order_id: Annotated[str, Field(min_length=1, max_length=128)]
    route_disruption: Number
    backlog: Number
    weather_severity: Number


class Batch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    orders: Annotated[list[Order], Field(min_length=1, max_length=10_000)]


class Result(BaseModel):
    order_id: str
    score: float
    queue: str


class Decision(BaseModel):
    results: list[Result]


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
