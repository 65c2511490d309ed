"""The fast path and the strict path through a JSON body accept the same bodies, with the same numbers and the same faults."""

import json
import random
from collections import Counter

import pytest

from schemas import strict_json
from schemas.faults import MalformedBody
from schemas.formats.json import JsonDecoder
from schemas.validation import BatchValidator
from tests.facts import FEATURES, INPUTS
from tests.mutated_bodies import BYTES

DECODER = JsonDecoder(BatchValidator(INPUTS, 12))
NUMBERS = [
    *("0", "-0", "3", "-0.0", "1e3", "2.5E-3", "9007199254740993", "18446744073709551616"),
    *("0.1", "5e-324", "1e-400", "7" * 30),
]
BAD = [
    *("null", "true", '"3"', "NaN", "-Infinity", "1e400", "9" * 400, "[]", "{}"),
    *("01", "+1", ".5", "1.", '"\\ud800"', "'3'", ""),
]
CONTROLS, NOT_CONTROLS = ['"\t"', '"\\t"', '"a\x7f"', '"\x85b"', '"\\u009f"', '"\\u0000"'], ['"\u00a0"', '"\u2028"']
IDS = [
    '"A-104"',
    '"B:208"',
    '"::"',
    '"é🚚"',
    '"\\u0041"',
    '"a\\"b"',
    '"\\\\"',
    '"x y"',
    '"0"',
    '"' + "n" * 128 + '"',
    *NOT_CONTROLS,
]
BAD_IDS = ["null", "5", '""', '"\\ud800"', '"' + "n" * 129 + '"', *CONTROLS, "[]"]
SPACE = ["", "", "", " ", "\n", "\t\r\n "]


def body(draw: random.Random, valid: float) -> bytes:
    """A body in either shape; each part of it is valid with this probability."""

    def space() -> str:
        return draw.choice(SPACE)

    def one(good: list[str], bad: list[str]) -> str:
        return draw.choice(good) if draw.random() < valid else draw.choice(bad)

    def members(pairs: list[tuple[str, str]]) -> str:
        pairs = draw.sample(pairs, len(pairs))
        if draw.random() > valid:
            pairs.insert(draw.randrange(len(pairs) + 1), draw.choice([*pairs, ("colour", "1"), ("back\\u006cog", "1")]))
        if draw.random() > valid:
            pairs.pop()
        return "{" + ",".join(f'{space()}"{name}"{space()}:{space()}{value}{space()}' for name, value in pairs) + "}"

    count = draw.choice([1, 1, 2, 3, 5, 12, 12, 13 if draw.random() > valid else 12])
    ids = [f'"{draw.choice(["A", "a:b", "é"])}{n}"' if draw.random() < 0.8 else one(IDS, BAD_IDS) for n in range(count)]
    values = {name: [one(NUMBERS, BAD) for _ in range(count)] for name in FEATURES}
    if draw.random() < 0.5:
        rows = zip(ids, *values.values(), strict=True)
        orders = [members(list(zip(("order_id", *FEATURES), row, strict=True))) for row in rows]
        inside = [("orders", f"[{','.join(orders)}]")]
    else:
        lists = [(name, f"[{','.join(column if draw.random() < valid else column[1:])}]") for name, column in values.items()]
        inside = [("order_ids", f"[{','.join(ids)}]"), ("columns", members(lists))]
    text = (space() + members(inside) + space()).encode()
    return text if draw.random() < valid else draw.choice(BYTES)(text, draw)


def outcome(decode) -> tuple[object, ...]:
    """All that a path through a body gives."""
    try:
        decoded = decode()
    except MalformedBody as error:
        return (type(error).__name__, str(error))
    batch, faults = decoded.batch, [(fault, fault.path) for fault in decoded.faults]
    return list(batch.ids), batch.matrix.tobytes(), list(decoded.positions), faults, decoded.format


@pytest.mark.parametrize("bodies", [4_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_both_paths_agree_on_mutated_bodies(bodies):
    draw = random.Random(f"two ways, {bodies} times")
    seen: Counter[str] = Counter()
    for _ in range(bodies):
        text = body(draw, draw.choice([0.95, 0.995, 1.0]))
        found = outcome(lambda text=text: DECODER.decode(text))
        assert found == outcome(lambda text=text: DECODER._explain(strict_json.read(text))), text
        seen["not JSON" if len(found) == 2 else "faulty" if found[3] else "valid"] += 1
    assert seen["valid"] >= 0.3 * bodies
    assert min(seen["faulty"], seen["not JSON"]) >= 0.05 * bodies


def test_a_valid_body_takes_the_fast_path(monkeypatch):
    monkeypatch.setattr(strict_json, "read", lambda _: pytest.fail("the fast path was left"))
    orders = [{"order_id": f"A:{n}", **dict.fromkeys(FEATURES, n)} for n in range(12)]
    columns = {"order_ids": ["A:1", "é"], "columns": {name: [1, 2.5] for name in FEATURES}}
    for text in (json.dumps({"orders": orders}), json.dumps(columns, ensure_ascii=False)):
        assert DECODER.decode(text.encode()).faults == []
