"""Files of many orders: those of the real year, repeated with an id each; and the comparison of two folders of results.

`python -m tests.benchmarks.bulk_orders write KIND FOLDER ROWS FILES` and `… compare FOLDER OTHER`. The benchmark runs them as
processes of their own: a program that it measures begins with the peak memory of the process that starts it.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from tests.facts import REAL_DATA

SOURCES = {
    "parquet": "batches/nyc17_3feature_all_303748.csv.gz",
    "csv": "batches/nyc17_3feature_all_303748.csv.gz",
    "raw": "nyc17_raw/orders_test.csv.gz",
}
_NAMES = pa.list_(pa.string())
NAMED = ("out_of_range", "imputed", "unknown")


class Differs(Exception):
    """Two folders have other results."""


def repeated(orders: Any, rows: int, files: int) -> Iterator[Any]:
    """Tables with so many rows in all: the orders from the first to the last, again and again, each with an id of its own."""
    for numbers in np.array_split(np.arange(rows), files):
        table = orders.take(numbers % len(orders))
        turns = pa.array(numbers // len(orders)).cast(pa.string())
        ids = pc.binary_join_element_wise(table["order_id"].combine_chunks(), turns, "-")
        yield table.set_column(table.column_names.index("order_id"), "order_id", ids)


def _write_csv(table: Any, path: Path) -> None:
    pyarrow.csv.write_csv(table, path, pyarrow.csv.WriteOptions(quoting_style="none", quoting_header="none"))


_WRITERS: dict[str, tuple[str, Callable[[Any, Path], None]]] = {
    "parquet": (".parquet", pq.write_table),
    "csv": (".csv", _write_csv),
    "raw": (".parquet", pq.write_table),
}


def write(kind: str, folder: Path, rows: int, files: int) -> None:
    """Write so many orders of this kind into a new folder. Numbers without a fraction are integers."""
    ending, write_table = _WRITERS[kind]
    orders = pyarrow.csv.read_csv(REAL_DATA / SOURCES[kind])
    folder.mkdir(parents=True)
    for number, table in enumerate(repeated(orders, rows, files)):
        write_table(table, folder / f"orders-{number:02d}{ending}")


def compare(folder: Path, other: Path) -> None:
    """Raise Differs unless the files of both folders have the same orders, scores to 12 decimal places, and the same queues."""
    names = sorted(path.name for path in folder.glob("*.parquet"))
    if not names or names != sorted(path.name for path in other.glob("*.parquet")):
        raise Differs(f"{folder.name} and {other.name} have not the same files")
    for name in names:
        for column in _differing(pq.read_table(folder / name), pq.read_table(other / name)):
            raise Differs(f"{name}: {column} differs")


def _differing(one: Any, other: Any) -> Iterator[str]:
    """The columns that differ."""
    if len(one) != len(other):
        yield "the number of rows"
        return
    if {*one.schema.names} != {*other.schema.names}:
        yield "the set of columns"
        return
    for name in one.schema.names:
        mine, theirs = one.column(name), other.column(name)
        if name == "score":
            same = np.allclose(mine.to_numpy(), theirs.to_numpy(), rtol=0, atol=1e-12)
        elif name in NAMED:
            same = mine.cast(_NAMES).equals(theirs.cast(_NAMES))
        else:
            same = mine.cast(pa.string()).equals(theirs.cast(pa.string()))
        if not same:
            yield name


def main(command: str, *given: str) -> None:
    if command == "write":
        write(given[0], Path(given[1]), *map(int, given[2:]))
    else:
        compare(*map(Path, given))


if __name__ == "__main__":
    main(*sys.argv[1:])
