"""Streams of Arrow changed at random: `python -m tests.arrow_mutants FIRST COUNT` scores them and says how they were answered.

It is a process of its own, since a fault in pyarrow would end the process. What is scored must be what pyarrow itself reads
from the same bytes, by the scores of the same orders in JSON.
"""

import json
import random
import resource
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from model.core.manifest import Context
from model.registry.references import VersionReference
from tests.apps import service_of
from tests.arrow_bodies import ARROW, read, stream
from tests.raw_orders import ORDERS, raw_model

Change = Callable[[bytearray, random.Random], None]
NAMES = ("order_id", "backlog", "distance", "carrier", "depot", "size", "month", "lane", "promised_at")
NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 64, 127, 128, 255, 256, 1000, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
LARGE = [*NUMBERS, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 8]
MIB = 2**20


def bodies() -> list[bytes]:
    """Valid streams of the same kinds of columns in different types."""
    many = [order | {"order_id": f"{order['order_id']}-{at}"} for at in range(5) for order in ORDERS]
    texts: dict[str, list[Any]] = {
        "order_id": [order["order_id"] for order in many],
        **{name: [order.get(name) for order in many] for name in ("carrier", "depot", "size")},
        "lane": [("north", None, "east")[at % 3] for at in range(len(many))],
    }
    numbers = {name: [order.get(name) for order in many] for name in ("backlog", "distance", "month")}
    found = []
    kinds = [(pa.string(), pa.float64()), (pa.large_string(), pa.float32()), (pa.string_view(), pa.float16())]
    kinds += [
        (pa.dictionary(pa.int8(), pa.string()), pa.float64()),
        (pa.dictionary(pa.uint16(), pa.string_view()), pa.float64()),
    ]
    for text, number in kinds:
        values = {name: pa.array(column, pa.string()).cast(text) for name, column in texts.items()}
        values |= {name: pa.array(column, pa.float64()).cast(number) for name, column in numbers.items()}
        values["promised_at"] = pa.array([None] * len(many), pa.timestamp("us", "UTC"))
        table = pa.table({name: values[name] for name in NAMES})
        found += [stream(table), stream(table, 7), stream(table.slice(0, 3))]
        found.append(stream(table, 6, emit_dictionary_deltas=True))
    whole = {"month": pa.array(range(4), pa.uint8()), "distance": pa.array([1, 2, 3, 4], pa.int64())}
    few = {name: pa.array(column[:4]) for name, column in texts.items() if name != "depot"} | whole
    return [*found, stream(pa.table({**few, "depot": pa.nulls(4)}))]


BODIES = bodies()


def _number(body: bytearray, dice: random.Random) -> None:
    """Another number of 2, 4 or 8 bytes where there may be one."""
    form, values = dice.choice([("<H", NUMBERS), ("<I", NUMBERS), ("<I", NUMBERS), ("<Q", LARGE), ("<Q", LARGE)])
    size = struct.calcsize(form)
    at = dice.randrange(max(1, len(body) // size)) * size
    if at + size <= len(body):
        (before,) = struct.unpack_from(form, body, at)
        value = dice.choice([dice.choice(values), before + dice.choice([-8, -1, 1, 8])])
        struct.pack_into(form, body, at, value % 256**size)


def _piece(body: bytearray, dice: random.Random) -> None:
    """A piece of another stream, or of this one, in place of one."""
    other, size = dice.choice([body, dice.choice(BODIES)]), dice.choice([1, 2, 4, 8, 16, 64, 256])
    at, of = (dice.randrange(max(1, len(each) // 8)) * 8 for each in (body, other))
    body[at : at + size] = other[of : of + size]


def _remove(body: bytearray, dice: random.Random) -> None:
    at = dice.randrange(max(1, len(body) // 8)) * 8
    del body[at : at + dice.choice([1, 4, 8, 8, 16, 64])]


def _repeat(body: bytearray, dice: random.Random) -> None:
    at, size = dice.randrange(max(1, len(body) // 8)) * 8, dice.choice([1, 4, 8, 8, 16, 64])
    body[at:at] = body[at : at + size] * dice.choice([1, 1, 2, 100])


def _bit(body: bytearray, dice: random.Random) -> None:
    if body:
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)


def _end(body: bytearray, dice: random.Random) -> None:
    del body[dice.randrange(len(body) + 1) :]


def _message(body: bytearray, dice: random.Random) -> None:
    """A message once more, or one less, or one of another stream."""
    other = dice.choice([body, body, dice.choice(BODIES)])
    marks, others = ([at for at in range(0, len(each), 8) if each[at : at + 4] == b"\xff" * 4] for each in (body, other))
    if len(marks) < 2 or len(others) < 2:
        return
    at, of = dice.randrange(len(marks)), dice.randrange(len(others) - 1)
    end = marks[at + 1] if at + 1 < len(marks) and dice.random() < 0.5 else marks[at]
    body[marks[at] : end] = dice.choice([b"", bytes(other[others[of] : others[of + 1]])])


CHANGES: Sequence[Change] = (*[_number] * 6, *[_bit] * 3, _piece, _remove, _repeat, _end, _message, _message)


def mutant(number: int) -> bytes:
    """The mutant of this number."""
    dice = random.Random(f"arrow {number}")
    body = bytearray(dice.choice(BODIES))
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        dice.choice(CHANGES)(body, dice)
    return bytes(body) or b"\xff"


def client() -> Any:
    """A client of a service of raw orders, with a context and a name that is not used."""
    model = raw_model(context=(Context("lane", ("north",)),), also_accepts=("promised_at",))
    service = service_of()
    service.serving.set_champion(replace(model, sha256="0" * 64), VersionReference("1", "raw.npz", "0" * 64))
    return service.app.test_client()


def used(body: bytes) -> pa.Table | None:
    """The columns that are scored, as pyarrow reads them. None where parts of the metadata that nobody reads are damaged."""
    try:
        table = pa.ipc.open_stream(body).read_all()
    except OSError as error:
        if "flatbuffer" in str(error):
            return None
        raise
    table = table.drop_columns([name for name in table.column_names if name == "promised_at"])
    table.validate(full=True)
    return table


def by_json(service: Any, table: pa.Table) -> list[tuple[str, float]]:
    """The scores of the orders in a table, by the same service in JSON."""
    columns = {name: _plain(table.column(name)) for name in table.column_names}
    body = {"order_ids": columns.pop("order_id"), "columns": columns}
    answer = service.post("/score", data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.text
    return list(zip(answer.json["order_ids"], answer.json["scores"], strict=True))


def _plain(column: Any) -> list[Any]:
    return [float(value) if isinstance(value, np.floating) else value for value in column.to_pylist()]


def main(first: int, count: int) -> None:
    service, seen = client(), Counter[str]()
    for body in BODIES:
        assert service.post("/score", data=body, content_type=ARROW).status_code == 200
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number in range(first, first + count):
        sys.stderr.write(f"mutant {number}\n")  # what was tried last, should this process end
        body = mutant(number)
        partial = number % 3 == 0
        answer = service.post(f"/score{'?on_error=partial' * partial}", data=body, content_type=ARROW)
        seen[str(answer.status_code)] += 1
        assert answer.status_code in (200, 400, 422), answer.text
        if answer.status_code == 200:
            rows = read(answer.data).to_pylist()
            scored = [(row["order_id"], row["score"]) for row in rows if row["score"] is not None]
            if len(scored) == len(rows):
                table = used(body)
                if table is None:
                    seen["not verified"] += 1
                    continue
                assert scored == by_json(service, table)
                seen["compared"] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    sys.stdout.write(json.dumps({"seen": seen, "grown": grown}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
