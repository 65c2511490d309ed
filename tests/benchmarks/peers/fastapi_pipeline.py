"""FastAPI with scikit-learn's pipeline for raw orders, from a joblib file: a DataFrame of the orders, then predict_proba."""

import os
from typing import Annotated, Any

import joblib
import pandas
from fastapi import FastAPI
from pydantic import Field

from tests.benchmarks.peers.counting import count, timed
from tests.benchmarks.peers.pydantic_shapes import MOST_ORDERS, Decision, Identified, Number, Strict


class Order(Identified):
    recent_delay_min: Number | None = None
    wind_speed_mph: Number | None = None
    rain_in: Number | None = None
    carrier_recent_delay_min: Number | None = None
    destination_recent_delay_min: Number | None = None
    visibility_mi: Number | None = None
    recent_departures: Number
    waiting_departures: Number
    cancelled_last_6h: Number
    scheduled_within_30min: Number
    recent_arrivals: Number
    distance_mi: Number
    departure_minute: Number
    year: Number
    month: Number
    weekday: Number
    depot: str
    carrier: str


class Batch(Strict):
    orders: Annotated[list[Order], Field(min_length=1, max_length=MOST_ORDERS)]


app = FastAPI()
pipeline = joblib.load(os.environ["PIPELINE"])


@app.post("/score", response_model=Decision)
async def score(batch: Batch) -> Any:
    with timed():
        orders = pandas.DataFrame([order.model_dump() for order in batch.orders])
        ids, scores = orders.pop("order_id"), pipeline.predict_proba(orders)[:, 1].tolist()
        count(scores)
        rows = zip(ids, scores, strict=True)
        return {"results": [{"order_id": i, "score": s, "queue": "review" if s >= 0.6 else "monitor"} for i, s in rows]}
