"""The fast way and the telling way through a JSON body accept the same bodies, with the same numbers and the same faults."""

import json
import random
from collections import Counter

import pytest

from schemas import strict_json
from schemas.faults import MalformedBody
from schemas.formats.format import RequestBody
from schemas.formats.json import JsonDecoder
from schemas.validation import BatchValidator, DecodedBatch

FEATURES = ("route_disruption", "backlog", "weather_severity")
DECODER = JsonDecoder(BatchValidator(FEATURES, 12))
NUMBERS = [
    "0",
    "-0",
    "3",
    "-0.0",
    "1e3",
    "2.5E-3",
    "9007199254740993",
    "18446744073709551616",
    "0.1",
    "5e-324",
    "1e-400",
    "7" * 30,
]
BAD = [
    "null",
    "true",
    '"3"',
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 400,
    "[]",
    "{}",
    "01",
    "+1",
    ".5",
    "1.",
    '"\\ud800"',
    "'3'",
    "",
]
IDS = ['"A-104"', '"B:208"', '"::"', '"é🚚"', '"\\u0041"', '"a\\"b"', '"\\\\"', '"x y"', '"0"', '"' + "n" * 128 + '"']
BAD_IDS = ["null", "5", '""', '"\\ud800"', '"' + "n" * 129 + '"', '"\t"', "[]"]
SPACE = ["", "", "", " ", "\n", "\t\r\n "]


def body(draw: random.Random, sound: float) -> str:
    """A body in either shape; each part of it is right with the probability `sound`."""

    def space() -> str:
        return draw.choice(SPACE)

    def one(good: list[str], bad: list[str]) -> str:
        return draw.choice(good) if draw.random() < sound else draw.choice(bad)

    def members(pairs: list[tuple[str, str]]) -> str:
        pairs = draw.sample(pairs, len(pairs))
        if draw.random() > sound:
            pairs.insert(draw.randrange(len(pairs) + 1), draw.choice([*pairs, ("colour", "1"), ("back\\u006cog", "1")]))
        if draw.random() > sound:
            pairs.pop()
        return "{" + ",".join(f'{space()}"{name}"{space()}:{space()}{value}{space()}' for name, value in pairs) + "}"

    count = draw.choice([1, 1, 2, 3, 5, 12, 12, 13 if draw.random() > sound else 12])
    ids = [f'"{draw.choice(["A", "a:b", "é"])}{n}"' if draw.random() < 0.8 else one(IDS, BAD_IDS) for n in range(count)]
    values = {name: [one(NUMBERS, BAD) for _ in range(count)] for name in FEATURES}
    if draw.random() < 0.5:
        rows = zip(ids, *values.values(), strict=True)
        orders = [members(list(zip(("order_id", *FEATURES), row, strict=True))) for row in rows]
        inside = [("orders", f"[{','.join(orders)}]")]
    else:
        lists = [(name, f"[{','.join(column if draw.random() < sound else column[1:])}]") for name, column in values.items()]
        inside = [("order_ids", f"[{','.join(ids)}]"), ("columns", members(lists))]
    text = space() + members(inside) + space()
    return text if draw.random() < sound else _bent(draw, text)


def _bent(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text))
    return draw.choice(
        [text[:at], text[:at] + text[at + 1 :], text[:at] + draw.choice(',:"[]{}0\\ \x00') + text[at:], text + "x"]
    )


def outcome(decode) -> tuple[object, ...]:
    """All that can be told of a way through a body."""
    try:
        decoded = decode()
    except MalformedBody as error:
        return (type(error).__name__, str(error))
    batch = decoded.batch
    return (
        list(batch.ids),
        batch.matrix.tobytes(),
        list(decoded.positions),
        [(f, f.path) for f in decoded.faults],
        decoded.format,
    )


def decode(text: bytes) -> DecodedBatch:
    return DECODER.decode(RequestBody("application/json", text))


def telling(text: bytes) -> DecodedBatch:
    return DECODER._explain(strict_json.read(text))


@pytest.mark.parametrize("bodies", [4_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_both_ways_agree_on_mutated_bodies(bodies):
    draw = random.Random(f"two ways, {bodies} times")
    seen: Counter[str] = Counter()
    for _ in range(bodies):
        text = body(draw, draw.choice([0.95, 0.995, 1.0])).encode()
        fast = outcome(lambda text=text: decode(text))
        assert fast == outcome(lambda text=text: telling(text)), text
        seen["not JSON" if len(fast) == 2 else "faulty" if fast[3] else "sound"] += 1
    assert seen["sound"] >= 0.3 * bodies
    assert min(seen["faulty"], seen["not JSON"]) >= 0.05 * bodies


def test_a_sound_body_takes_the_fast_way(monkeypatch):
    monkeypatch.setattr(strict_json, "read", lambda _: pytest.fail("the fast way was left"))
    orders = [{"order_id": f"A:{n}", **dict.fromkeys(FEATURES, n)} for n in range(12)]
    columns = {"order_ids": ["A:1", "é"], "columns": {name: [1, 2.5] for name in FEATURES}}
    for text in (json.dumps({"orders": orders}), json.dumps(columns, ensure_ascii=False)):
        assert decode(text.encode()).faults == []
