"""Parquet files changed at random: `python -m tests.parquet_mutants FIRST COUNT FOLDER` scores them and says what they are.

It is a process of its own, since a fault in pyarrow would end the process. Of a file that is scored, no row may be lost.
"""

import json
import random
import resource
import struct
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.bulk import parquet_part, work
from service.bulk.scoring import Scoring
from service.offline.order_files import Given
from tests.raw_orders import ORDERS, raw_model

ROWS = 40
MIB = 2**20
NUMBERS = [0, 1, 2, 3, 7, 8, 16, 64, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
WRITTEN: Sequence[dict[str, Any]] = (
    {},
    {"compression": "none", "use_dictionary": False, "row_group_size": 15},
    {"compression": "zstd", "data_page_version": "2.0", "data_page_size": 64},
    {"compression": "gzip", "use_dictionary": ["carrier"], "write_page_index": True},
    {
        "compression": "none",
        "use_dictionary": False,
        "column_encoding": {"order_id": "DELTA_BYTE_ARRAY", "backlog": "BYTE_STREAM_SPLIT"},
    },
    {"compression": "lz4", "write_page_checksum": True, "store_schema": False},
)


def table() -> pa.Table:
    """Orders, and other columns of the types that are read in their own ways."""
    many = [order | {"order_id": f"{order['order_id']}-{at}"} for at in range(ROWS // len(ORDERS)) for order in ORDERS]
    columns = {name: pa.array([order.get(name) for order in many]) for name in ORDERS[0]}
    columns["lane"] = pa.array([("north", None, "east")[at % 3] for at in range(ROWS)]).dictionary_encode()
    columns["stops"] = pa.array([[{"at": "EWR", "hours": at}] * (at % 3) for at in range(ROWS)])
    columns["promised"] = pa.array(range(ROWS), pa.timestamp("us", "UTC"))
    return pa.table({**columns, "distance": columns["distance"].cast(pa.float32())})


def files() -> list[bytes]:
    """The same rows, written in several ways."""
    found = []
    for options in WRITTEN:
        sink = pa.BufferOutputStream()
        pq.write_table(table(), sink, **options)
        found.append(sink.getvalue().to_pybytes())
    return found


FILES = files()


def mutant(number: int) -> bytes:
    """The mutant of this number: bits flipped, numbers replaced, pieces moved, or the end cut off."""
    dice = random.Random(f"parquet {number}")
    content = bytearray(dice.choice(FILES))
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        at = dice.choice((dice.randrange(len(content)), dice.randrange(footer, footer + 1000) % len(content)))
        kind = dice.randrange(12)
        if kind < 5:
            content[at] ^= 1 << dice.randrange(8)
        elif kind < 8:
            content[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        elif kind == 8:
            content[at : at + 4] = struct.pack("<I", dice.choice(NUMBERS))
        elif kind == 9:
            of = dice.randrange(len(content))
            content[at : at + 16] = content[of : of + dice.choice((8, 16, 24))]
        elif kind == 10:
            del content[at : at + dice.choice((1, 4, 16))]
        else:
            del content[dice.randrange(len(content)) :]
        if not content:
            break
    return bytes(content)


def main(first: int, count: int, folder: Path) -> None:
    scoring, seen, before = Scoring(raw_model(), "review", Given()), Counter[str](), 0
    results, rejects = folder / "results", folder / "rejects"
    for number, content in [*((-1, each) for each in FILES), *((at, None) for at in range(first, first + count))]:
        sys.stderr.write(f"mutant {number}\n")  # what was tried last, should this process end
        content = mutant(number) if content is None else content
        try:
            counts = parquet_part.score_parquet(pa.BufferReader(content), str(results), str(rejects), scoring)
        except work._ERRORS as error:
            seen[type(error).__name__] += 1
        else:
            rows = pq.read_metadata(results).num_rows, pq.read_metadata(rejects).num_rows
            assert rows == (ROWS - counts.rejected, counts.rejected), number
            seen["scored"] += 1
        if number == -1:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    sys.stdout.write(json.dumps({"seen": seen, "grown": grown}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
