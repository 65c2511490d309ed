"""FastAPI with pydantic models, strict and without extra fields, on uvicorn."""

from typing import Annotated

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from tests.benchmarks.peers.counting import count
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


@app.post("/score")
def score(batch: Batch) -> Decision:
    x = np.array([[o.route_disruption, o.backlog, o.weather_severity] for o in batch.orders])
    results = [Result(**row) for row in decide([o.order_id for o in batch.orders], x)]
    count([result.score for result in results])
    return Decision(results=results)
