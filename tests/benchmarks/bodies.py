"""Request bodies of the benchmark in each format, how an answer is read, and what it must say."""

import json
import math
import random
from collections.abc import Mapping, Sequence
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
    scores = [oracle.outputs(_LAYERS, "sigmoid", order)[0] for order in standardized]
    return results(scores)


def agree(found: list[Result], wanted: list[Result]) -> bool:
    """Whether these are the results wanted, with scores to 12 decimal places."""
    return len(found) == len(wanted) and all(
        (one[0], one[2]) == (other[0], other[2]) and math.isclose(one[1], other[1], rel_tol=0, abs_tol=1e-12)
        for one, other in zip(found, wanted, strict=True)
    )


def results(scores: Sequence[float]) -> list[Result]:
    """The results of the first orders, which have these scores."""
    rows = zip(_ids(len(scores)), scores, strict=True)
    return [(order_id, score, "review" if score >= THRESHOLD else "monitor") for order_id, score in rows]


def _ids(count: int) -> list[str]:
    return [f"O-{number:06d}" for number in range(count)]


def _named(count: int) -> list[dict[str, float]]:
    return [dict(zip(FEATURES, row, strict=True)) for row in orders(count)]


def records(count: int) -> bytes:
    return records_of(_named(count))


def records_of(given: Sequence[Mapping[str, Any]]) -> bytes:
    rows = zip(_ids(len(given)), given, strict=True)
    return dumps({"orders": [{"order_id": order_id, **order} for order_id, order in rows]})


def of_records(answer: Any) -> list[Result]:
    return [(row["order_id"], row["score"], row["queue"]) for row in answer["results"]]


def columns(count: int) -> bytes:
    return columns_of(_named(count))


def columns_of(given: Sequence[Mapping[str, Any]]) -> bytes:
    return dumps({"order_ids": _ids(len(given)), "columns": {name: [order[name] for order in given] for name in given[0]}})


def of_columns(answer: Any) -> list[Result]:
    return list(zip(answer["order_ids"], answer["scores"], answer["queues"], strict=True))


def tensors(count: int) -> bytes:
    columns = zip(FEATURES, zip(*orders(count), strict=True), strict=True)
    named = [("order_id", "BYTES", _ids(count)), *((name, "FP64", data) for name, data in columns)]
    return dumps({"inputs": [{"name": name, "shape": [count], "datatype": kind, "data": data} for name, kind, data in named]})


def of_tensors(answer: Any) -> list[Result]:
    data = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    return list(zip(data["order_id"], data["score"], data["queue"], strict=True))


def dumps(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
