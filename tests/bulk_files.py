"""Folders of orders in several files and formats for tests of bulk, for the packaged model, and all files of a folder."""

import gzip
import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = (
    "a.parquet",
    "b.csv",
    "day-1/c.jsonl.gz",
    "day-1/d.parquet",
    "day-2/e.csv.gz",
    "day-2/deep/f.parquet",
    "day-2/g.jsonl",
    "h.pq",
)
"""Eight files: Parquet, CSV and JSON lines, gzipped or not, in folders or not."""

COLUMNS = ("order_id", "backlog", "note", "route_disruption", "weather_severity")


def write_orders(folder: Path, rows: int, names: tuple[str, ...] = NAMES, seed: int = 0) -> Path:
    """Write so many orders to each of the files, some of which have rows to reject. The folder."""
    for number, name in enumerate(names):
        draw = random.Random(f"{seed} {name}")
        orders: list[dict[str, Any]] = [
            {
                "order_id": f"{name}-{row}",
                "backlog": draw.randint(0, 60),
                "note": f"note {row % 7}",
                "route_disruption": draw.randint(0, 10),
                "weather_severity": draw.randint(0, 10),
            }
            for row in range(rows)
        ]
        if number % 2 == 0:
            for order in draw.sample(orders, max(1, rows // 50)):
                order["backlog"] = None
        write_file(folder / name, orders)
    return folder


def write_file(path: Path, orders: list[dict[str, Any]]) -> Path:
    """Write these orders in the format of the file's ending. The path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".parquet", ".pq"):
        types = [pa.string(), pa.float64(), pa.string(), pa.float64(), pa.float64()]
        pq.write_table(pa.Table.from_pylist(orders, pa.schema(list(zip(COLUMNS, types, strict=True)))), path)
        return path
    if ".csv" in path.suffixes:
        lines = [",".join("" if order[name] is None else str(order[name]) for name in COLUMNS) for order in orders]
        text = "\n".join([",".join(COLUMNS), *lines, ""])
    else:
        text = "".join(json.dumps(order) + "\n" for order in orders)
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
    return path


def tree(folder: Path) -> Mapping[str, bytes]:
    """All files below the folder by name, and its empty folders, as names that end in /."""
    found = {}
    for path, folders, files in os.walk(folder):
        below = Path(path).relative_to(folder)
        found |= {str(below / name): (Path(path) / name).read_bytes() for name in files}
        if not folders and not files:
            found[f"{below}/"] = b""
    return found
