"""What the contestants with FastAPI have in common: the shapes of orders and answers, strict and without extra fields."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
MOST_ORDERS = 10_000


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Identified(Strict):
    order_id: Annotated[str, Field(min_length=1, max_length=128)]


class Result(BaseModel):
    order_id: str
    score: float
    queue: str


class Decision(BaseModel):
    results: list[Result]
