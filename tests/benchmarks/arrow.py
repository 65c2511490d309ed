"""Arrow: `python -m tests.benchmarks.arrow` compares what an order costs in Arrow, in columns of JSON and in CSV.

The figures are those of tests.benchmarks.run: the CPU time of the process tree for each order, as ratios of the same round.
"""

import argparse
import csv
import io
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.arrow_bodies import ARROW, as_arrow, read
from tests.benchmarks import report
from tests.benchmarks.bodies import Result, orders
from tests.benchmarks.contestants import OUR_COLUMNS, OURS
from tests.benchmarks.measuring import Case
from tests.benchmarks.run import all_costs
from tests.facts import FEATURES
from tests.mutated_bodies import as_csv

SIZES = (1, 32, 1000, 10_000)


def named(count: int) -> list[dict[str, Any]]:
    """So many orders, with names."""
    return [{"order_id": f"O-{at:06d}", **dict(zip(FEATURES, row, strict=True))} for at, row in enumerate(orders(count))]


def _of_arrow(table: Any) -> list[Result]:
    return list(zip(*(table[name].to_pylist() for name in ("order_id", "score", "queue")), strict=True))


def _of_csv(text: str) -> list[Result]:
    return [(row["order_id"], float(row["score"]), row["queue"]) for row in csv.DictReader(io.StringIO(text))]


BASE = replace(OUR_COLUMNS, name="columns of JSON")
CONTESTANTS = [
    BASE,
    replace(
        OURS,
        name="Arrow",
        body=lambda count: as_arrow(named(count)),
        headers=lambda _: {"Content-Type": ARROW},
        read=read,
        results=_of_arrow,
    ),
    replace(
        OURS,
        name="CSV",
        body=lambda count: as_csv(named(count)),
        headers=lambda _: {"Content-Type": "text/csv"},
        read=bytes.decode,
        results=_of_csv,
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    rounds, rows = parser.parse_args().rounds, []
    with tempfile.TemporaryDirectory() as name:
        found = all_costs(CONTESTANTS, [Case(size) for size in SIZES], rounds, Path(name))
    for case, costs in found.items():
        for one in CONTESTANTS:
            ratio = report.shown(report.ratios(costs[one.name], costs[BASE.name]))
            rows.append([f"{case.size:,}", one.name, ratio, f"{statistics.median(costs[one.name]) * 1e6:.2f} µs"])
    print(report.table(["orders", "format", f"CPU, {BASE.name} = 1", "an order"], rows))


if __name__ == "__main__":
    main()
