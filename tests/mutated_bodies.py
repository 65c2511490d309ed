"""Bodies made of the files in tests/data/requests, in every format, and changed at random.

The values that are put into them are marked, so that a mark in an answer is a value that was repeated.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from schemas.formats.table import CSV, JSON
from tests.facts import DATA, FEATURES

REQUESTS = DATA / "requests"
MARKS = ("Marked-918", "918273645546")
_SHORT = rb"""null true false [] {} [[]] NaN Infinity -Infinity 1e400 -1e400 5e-324 01 +1 .5 1. 0x1 1_0 -0 \ , : " ' / # [ ] { }
"" "\ud800" "\u0000" "Marked-918" 918273645546 -918273645546.5 918273645546e999 "order_id" "orders" "columns" "order_ids"
"backlog" "colour" "backlog":"Marked-918" "Marked-918"""
_LONG = [b"7" * 400, b"7" * 5000, b"[" * 1200, b'{"a":' * 1200]
_BYTES = [b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\r\n", b"\r", b"\n"]
TOKENS = [*_SHORT.split(), *_LONG, *_BYTES]
VALUES: list[Any] = [
    *(None, True, False, [], {}, "", "Marked-918", 918273645546, -918273645546.5, 9.18273645546e299, 10**400, 0, -0.0, 5e-324),
    *([["Marked-918"]], {"Marked-918": 918273645546}, "\ud800", "Marked-918" * 13, "\0", "é🚚", float("nan"), float("inf")),
]
NAMES = ("colour", "", "a/b~c", "é", "x" * 200, "BACKLOG", "orders", "columns", "score")
Change = Callable[[bytes, random.Random], bytes]


def as_columns(orders: list[dict[str, Any]]) -> bytes:
    """The orders as columns of JSON."""
    columns = {name: [order[name] for order in orders] for name in FEATURES}
    return json.dumps({"order_ids": [order["order_id"] for order in orders], "columns": columns}).encode()


def as_csv(orders: list[dict[str, Any]]) -> bytes:
    """The orders as a table."""
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, ("order_id", *FEATURES))
    rows.writeheader()
    rows.writerows(orders)
    return text.getvalue().encode()


def _bodies() -> dict[str, list[bytes]]:
    valid = [path.read_bytes() for path in sorted((REQUESTS / "valid").glob("*.json")) if ".answer" not in path.name]
    invalid = [path for path in sorted((REQUESTS / "invalid").iterdir()) if ".problem" not in path.name]
    small = [path.read_bytes() for path in invalid if path.stat().st_size < 4000]
    batches = [json.loads(body)["orders"] for body in valid]
    return {JSON: [*valid, *map(as_columns, batches), *valid, *small], CSV: [*map(as_csv, batches)]}


BODIES = _bodies()


def _edit(body: bytes, dice: random.Random, sizes: Sequence[int], new: Callable[[bytes], bytes]) -> bytes:
    """The body with another piece in place of one of these sizes."""
    at, size = dice.randrange(len(body)), dice.choice(sizes)
    return body[:at] + new(body[at : at + size]) + body[at + size :]


def _swap(body: bytes, dice: random.Random) -> bytes:
    start, middle, end = sorted(dice.choices(range(len(body) + 1), k=3))
    return body[:start] + body[middle:end] + body[start:middle] + body[end:]


def _splice(body: bytes, dice: random.Random) -> bytes:
    other = dice.choice(dice.choice([*BODIES.values()]))
    return body[: dice.randrange(len(body))] + other[dice.randrange(len(other) + 1) :]


def _token(body: bytes, dice: random.Random) -> bytes:
    """Another value, name or cell between two delimiters of the format."""
    signs = [at for at, byte in enumerate(body) if byte in b",:[]{}\r\n"]
    if len(signs) < 2:
        return body + dice.choice(TOKENS)
    at = dice.randrange(len(signs) - 1)
    return body[: signs[at] + 1] + dice.choice(TOKENS) + body[signs[at + 1] :]


def change(body: bytes, dice: random.Random) -> bytes:
    """Other values in a JSON document; any other body is changed as text."""
    try:
        document = json.loads(body)
        for _ in range(dice.choice((1, 1, 1, 2, 6))):
            _change(document, dice)
        return json.dumps(document, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return _token(body, dice)


def _change(node: Any, dice: random.Random) -> None:
    while isinstance(node, dict | list) and node:
        place = dice.choice([*node]) if isinstance(node, dict) else dice.randrange(len(node))
        if not (isinstance(node[place], dict | list) and node[place]) or dice.random() < 0.08:
            act = dice.random()
            if act < 0.15:
                del node[place]
            elif act < 0.3 and isinstance(node, dict):
                node[dice.choice(NAMES)] = dice.choice(VALUES)
            elif act < 0.4 and isinstance(node, list):
                node.insert(place, node[place])
            else:
                node[place] = dice.choice(VALUES)
            return
        node = node[place]


BYTES: list[Change] = [
    lambda body, dice: _edit(body, dice, [1], lambda part: bytes([part[0] ^ 1 << dice.randrange(8)])),
    lambda body, dice: _edit(body, dice, [0, 0, 1, 1, 2, 5, 20], lambda _: dice.choice(TOKENS)),
    lambda body, dice: _edit(body, dice, [1, 1, 2, 4, 30], lambda _: b""),
    lambda body, dice: _edit(body, dice, [1, 3, 30, 80], lambda part: part * dice.choice((2, 2, 3, 20))),
    lambda body, dice: body[: dice.randrange(len(body))],
    *(_swap, _splice, _token),
]
"""Changes of any bytes."""


def mutant(seed: str) -> tuple[str, bytes]:
    """The media type and the bytes of the mutant of this seed; about every other one is still well formed."""
    dice = random.Random(seed)
    media_type = dice.choice((JSON, JSON, JSON, CSV))
    body, changes = dice.choice(BODIES[media_type]), dice.choice(([*BYTES, change], [change]))
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        body = dice.choice(changes)(body, dice) if body else dice.choice(TOKENS)
    return media_type, body
