"""The cost of the decision log: `python -m tests.benchmarks.decision_log` compares requests with and without it, in one run.

Each server keeps its log in a folder of its own. The figures are those of tests.benchmarks.run: CPU of the process tree, so
what its threads do for the log is in them. Compression of closed files is not: it is measured by itself, per request.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from service.config import variable
from service.decisions import reading
from service.decisions.compression import compress_unused
from tests.benchmarks import report
from tests.benchmarks.contestants import OURS, Contestant
from tests.benchmarks.measuring import Case
from tests.benchmarks.run import all_costs

SIZES = (1, 1000, 10_000)
SYNCS = ("none", "second", "request")


def contestants(folder: Path) -> list[Contestant]:
    """This service without a log, and with one of each kind of sync."""
    found = [replace(OURS, name="off")]
    for sync in SYNCS:
        (folder / sync).mkdir()
        given = {variable("decision_log"): str(folder / sync), variable("decision_log_sync"): sync}
        found.append(replace(OURS, name=sync, variables=given))
    return found


def compression(folder: Path) -> str:
    """What it takes to compress a log, and what is saved."""
    lines = sum(1 for path in reading.log_files([str(folder)], reading.DECISIONS) for _ in reading.lines(path))
    before, begin = _size(folder), time.process_time()
    compress_unused(str(folder))
    seconds = time.process_time() - begin
    return (
        f"{seconds / lines * 1e6:.1f} µs of CPU a record of {before / lines:,.0f} bytes, "
        f"{before / seconds / 1e6:.0f} MB/s, to {_size(folder) / before:.2f} of the size"
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="orders in a request")
    parser.add_argument("--folder", type=Path, help="where the logs are kept while it runs (default: a temporary folder)")
    given = parser.parse_args()
    rows, packed = [], []
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            found = contestants(Path(name))
            (costs,) = all_costs(found, [Case(size)], given.rounds, Path(name)).values()
            packed.append(f"{size:,} orders: {compression(Path(name, 'none'))}")
        for one in found[1:]:
            added = (statistics.median(costs[one.name]) - statistics.median(costs["off"])) * size * 1e6
            rows.append([f"{size:,}", one.name, report.shown(report.ratios(costs[one.name], costs["off"])), f"{added:+.1f} µs"])
    print("", report.table(["orders", "sync", "CPU, off = 1", "added to a request"], rows), sep="\n")
    print("", "Compressed in the background:", "", *(f"- {text}" for text in packed), sep="\n")


if __name__ == "__main__":
    main()
