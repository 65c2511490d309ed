"""Request bodies of the benchmark in each format, how an answer is read, and what it must say."""

import json
import math
import random
from functools import cache
from typing import Any, TypeAlias

from tests import oracle
from tests.facts import FEATURES, ORDERS, THRESHOLD

Result: TypeAlias = tuple[str, float, str]
"""Order id, score and queue."""

_LAYERS: list[oracle.PlainLayer] = [
    ([[0.8, 0.3, 0.4], [-0.2, 0.9, 0.5], [0.4, -0.1, 0.7]], [0.0, -0.2, 0.1], "relu"),
    ([[0.9, 0.7, 0.6]], [-0.3], "linear"),
]


@cache
def orders(count: int) -> list[list[float]]:
    """The known orders, then random ones, half of whose numbers are integers."""
    draw = random.Random(count)
    known: list[Any] = [[order[name] for name in FEATURES] for order in ORDERS]
    rest = [[round(draw.uniform(0, 10), 6), draw.randrange(11), round(draw.uniform(0, 10), 2)] for _ in range(count)]
    return (known + rest)[:count]


@cache
def expected(count: int) -> list[Result]:
    """The results of these orders, by the oracle."""
    standardized = (oracle.zscores(order, [5.0] * 3, [2.0] * 3) for order in orders(count))
    scores = (oracle.outputs(_LAYERS, "sigmoid", order)[0] for order in standardized)
    return [(i, score, "review" if score >= THRESHOLD else "monitor") for i, score in zip(_ids(count), scores, strict=True)]


def agree(found: list[Result], count: int) -> bool:
    """Whether these are the expected results, with scores to 12 decimal places."""
    pairs = list(zip(found, expected(count), strict=False))
    return len(found) == count and all(
        (one[0], one[2]) == (other[0], other[2]) and math.isclose(one[1], other[1], rel_tol=0, abs_tol=1e-12)
        for one, other in pairs
    )


def _ids(count: int) -> list[str]:
    return [f"O-{number:06d}" for number in range(count)]


def records(count: int) -> bytes:
    rows = zip(_ids(count), orders(count), strict=True)
    return dumps({"orders": [{"order_id": order_id, **dict(zip(FEATURES, row, strict=True))} for order_id, row in rows]})


def of_records(answer: Any) -> list[Result]:
    return [(row["order_id"], row["score"], row["queue"]) for row in answer["results"]]


def _columns(count: int) -> dict[str, tuple[float, ...]]:
    return dict(zip(FEATURES, zip(*orders(count), strict=True), strict=True))


def columns(count: int) -> bytes:
    return dumps({"order_ids": _ids(count), "columns": _columns(count)})


def of_columns(answer: Any) -> list[Result]:
    return list(zip(answer["order_ids"], answer["scores"], answer["queues"], strict=True))


def tensors(count: int) -> bytes:
    named = [("order_id", "BYTES", _ids(count)), *((name, "FP64", data) for name, data in _columns(count).items())]
    return dumps({"inputs": [{"name": name, "shape": [count], "datatype": kind, "data": data} for name, kind, data in named]})


def of_tensors(answer: Any) -> list[Result]:
    data = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    return list(zip(data["order_id"], data["score"], data["queue"], strict=True))


def dumps(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
