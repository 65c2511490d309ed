"""The benchmark: `python -m tests.benchmarks.run`. CPU seconds per order of each server's process tree, side by side.

All contestants run at the same time on loopback, each with one worker. In each round each of them gets the same requests, one
after another on one connection, in an order that changes from round to round. The known scores are checked first. A ratio is
the cost of a contestant divided by that of this service in the same round. The table has the median over the rounds and, in
brackets, the interval that contains the true median with at least 95 % (from the binomial distribution of ranks).
"""

import argparse
import http.client
import json
import math
import os
import random
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.contestants import CONTESTANTS, JSON, Contestant, python_of
from tests.facts import ROOT, SCORES
from tests.servers import ended, free_port, until


class Runner:
    """A running contestant and a connection to it."""

    def __init__(self, contestant: Contestant, process: subprocess.Popen[bytes], port: int) -> None:
        self.contestant, self.process = contestant, process
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.bodies: dict[int, bytes] = {}

    def ask(self, count: int) -> bytes:
        body = self.bodies.setdefault(count, self.contestant.body(count))
        self.connection.request("POST", self.contestant.path, body, JSON)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:300]
        return content

    def answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException, AssertionError):
            return bool(self.ask(3))
        self.connection.close()
        return False

    def cpu(self) -> float:
        """CPU seconds of the process tree so far."""
        threads = [task for pid in tree(self.process.pid) for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in threads) / 1e9


@contextmanager
def started(contestant: Contestant, folder: Path = Path()) -> Iterator[Runner]:
    """A contestant that answers, until the block ends. The folder has the environments of the peers."""
    ports = {name: free_port() for name in ("port", "port1", "port2")}
    command = [python_of(contestant.environment, folder), *(part.format(**ports) for part in contestant.command)]
    variables = {name: value.format(**ports) for name, value in contestant.variables.items()}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **variables}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runner = Runner(contestant, subprocess.Popen(command, cwd=ROOT, env=environment, **quiet), ports["port"])
    try:
        if not until(lambda: runner.process.poll() is not None or runner.answers(), 90) or runner.process.poll() is not None:
            raise RuntimeError(f"{contestant.name} did not start")
        yield runner
    finally:
        ended(runner.process)


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    children = [int(c) for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    return [pid, *(one for child in children for one in tree(child))]


def measure(runners: list[Runner], size: int, requests: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds per order by contestant, one number per round. The first round is a warm-up."""
    costs: dict[str, list[float]] = defaultdict(list)
    turns = random.Random(size)
    for number in range(rounds + 1):
        for runner in turns.sample(runners, len(runners)):
            runner.connection.close()
            runner.ask(size)
            if number == 0:
                continue
            before = runner.cpu()
            for _ in range(requests):
                runner.ask(size)
            costs[runner.contestant.name].append((runner.cpu() - before) / requests / size)
    return costs


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """The median, and the two values that enclose the true median with at least 95 %."""
    ordered, n, below = sorted(ratios), len(ratios), 0
    while below + 1 < n / 2 and 2 * sum(math.comb(n, k) for k in range(below + 2)) / 2**n <= 0.05:
        below += 1
    return statistics.median(ordered), ordered[below], ordered[n - 1 - below]


def table(costs: dict[int, dict[str, list[float]]], against: str) -> str:
    """A row for each contestant, a column for each size; the cells are ratios to `against`."""
    sizes = " | ".join(f"{size:,}" for size in costs)
    lines = [f"| CPU per order, {against} = 1 | {sizes} | what it does not do |", "|---" * (len(costs) + 2) + "|"]
    for contestant in CONTESTANTS:
        cells = []
        for by_name in costs.values():
            own, base = by_name[contestant.name], by_name[against]
            median, low, high = interval([a / b for a, b in zip(own, base, strict=True)])
            cells.append(f"{median:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {contestant.name} | {' | '.join(cells)} | {contestant.differs} |")
    micro = [f"{statistics.median(by_name[against]) * 1e6:.2f} µs" for by_name in costs.values()]
    return "\n".join([*lines, f"| {against}, absolute | {' | '.join(micro)} | |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="folder for the environments of the peers")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 1000, 10_000])
    given = parser.parse_args()
    costs: dict[int, Any] = {}
    with ExitStack() as stack:
        runners = [stack.enter_context(started(contestant, given.peers.resolve())) for contestant in CONTESTANTS]
        for runner in runners:
            found = runner.contestant.scores(json.loads(runner.ask(3)))
            assert len(found) != 3 or np.allclose(found, SCORES, rtol=0, atol=1e-12), runner.contestant.name
        for size in given.sizes:
            costs[size] = measure(runners, size, max(24, min(1000, 150_000 // (size + 60))), given.rounds)
    print(table(costs, "this service"))


if __name__ == "__main__":
    main()
