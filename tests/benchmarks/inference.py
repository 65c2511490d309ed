"""The Open Inference Protocol beside MLServer and JSON records: `python -m tests.benchmarks.inference [--rounds N]`.

MLServer gets the same bytes as this service. It reads no binary tensors over HTTP, so these are compared with JSON of the same
tensors. Everything runs at the same time, and a ratio is one of two contestants in the same round, as in
tests.benchmarks.run. It exits with 1 if a target is missed.
"""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import tensors
from tests.benchmarks.bodies import of_tensors
from tests.benchmarks.bodies import tensors as columns
from tests.benchmarks.contestants import MLSERVER, OURS, Contestant
from tests.benchmarks.measuring import Case, measure
from tests.benchmarks.report import MISSED, interval, ratios, shown, table, verdict
from tests.benchmarks.run import prepare, progress, running

PATH = MLSERVER.path
_OURS = replace(OURS, path=PATH, results=tensors.of_scores)
COLUMNS = replace(_OURS, name="this service, JSON columns with ids", body=columns)
MATRIX = replace(_OURS, name="this service, JSON matrix", body=tensors.matrix)
BINARY_COLUMNS = replace(
    _OURS,
    name="this service, binary columns with ids",
    body=tensors.binary_columns,
    headers=tensors.binary_columns_headers,
    read=tensors.read_binary,
)
BINARY_MATRIX = replace(
    _OURS,
    name="this service, binary matrix",
    body=tensors.binary_matrix,
    headers=tensors.binary_matrix_headers,
    read=tensors.read_binary,
)
RECORDS = replace(OURS, name="this service, JSON records")
PEER_COLUMNS = replace(MLSERVER, name="MLServer, JSON columns with ids", results=of_tensors)
PEER_MATRIX = replace(MLSERVER, name="MLServer, JSON matrix", body=tensors.matrix, results=tensors.of_scores)
CONTESTANTS = [COLUMNS, MATRIX, BINARY_COLUMNS, BINARY_MATRIX, RECORDS, PEER_COLUMNS, PEER_MATRIX]
SIZES = (1, 1000, 10_000)


class Target(NamedTuple):
    """The most that `ours` may cost, as a multiple of the cost of `peer`, by size."""

    ours: Contestant
    peer: Contestant
    most: dict[int, float]


OVER_MLSERVER, OVER_RECORDS = dict.fromkeys(SIZES, 0.7), dict.fromkeys(SIZES[1:], 1 / 3)
TARGETS = (
    Target(COLUMNS, PEER_COLUMNS, OVER_MLSERVER),
    Target(MATRIX, PEER_MATRIX, OVER_MLSERVER),
    Target(BINARY_COLUMNS, PEER_COLUMNS, OVER_MLSERVER),
    Target(BINARY_MATRIX, PEER_MATRIX, OVER_MLSERVER),
    Target(BINARY_MATRIX, RECORDS, OVER_RECORDS),
)


def main() -> bool:
    """Print the costs and the targets. Returns whether all are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="orders in a request")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="folder for the environments of the others")
    parser.add_argument("--upgrade", action="store_true", help="first upgrade these environments to the newest packages")
    given = parser.parse_args()
    folder, costs = given.peers.resolve(), {}
    prepare(CONTESTANTS, folder, given.upgrade)
    with ExitStack() as stack:
        runners = running(stack, CONTESTANTS, folder)
        for case in map(Case, given.sizes):
            progress(f"{case.size:,} orders")
            costs[case.size] = measure(runners, case, given.rounds)

    def aimed(target: Target, size: int) -> str:
        found = ratios(costs[size][target.ours.name], costs[size][target.peer.name])
        most = target.most.get(size)
        return shown(found) if most is None else verdict(shown(found), f"{most:.2g} at most", interval(found)[0] <= most)

    head = [f"{size:,}" for size in costs]
    rows = [[f"{one.ours.name} / {one.peer.name}", *(aimed(one, size) for size in costs)] for one in TARGETS]
    aims = table(["CPU per order", *head], rows)
    micro = [[one.name, *(shown([cost * 1e6 for cost in costs[size][one.name]]) for size in costs)] for one in CONTESTANTS]
    print("", aims, table(["µs of CPU per order", *head], micro), sep="\n\n")
    return MISSED not in aims


if __name__ == "__main__":
    sys.exit(not main())
