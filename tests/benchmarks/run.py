"""The benchmark: `python -m tests.benchmarks.run`. CPU seconds an order over the server's process tree, side by side.

All contestants run at once, each in a process of its own on loopback with one worker; in each round each of them gets the
same requests, one after another on one connection, and the order of turns changes from round to round. The known answers are
checked first. A ratio is a contestant's cost over this service's in the same round; the table has the median of the rounds
and, in brackets, the interval that holds the true median with at least 95 % (from the binomial distribution of ranks).
"""

import argparse
import http.client
import json
import math
import random
import socket
import statistics
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.contestants import CONTESTANTS, JSON, KNOWN, Contestant, python_of, start
from tests.servers import ended


class Runner:
    """A running contestant and a connection to it."""

    def __init__(self, contestant: Contestant, folder: Path) -> None:
        self.contestant = contestant
        ports = _free_ports(3)
        self.process = start(contestant, python_of(contestant.environment, folder), ports)
        self.connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=60)
        self.bodies = {}
        self._wait()

    def ask(self, count: int) -> bytes:
        body = self.bodies.setdefault(count, self.contestant.body(count))
        self.connection.request("POST", self.contestant.path, body, JSON)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:300]
        return content

    def check(self) -> None:
        """The known orders must get their known scores."""
        found = self.contestant.scores(json.loads(self.ask(3)))
        if len(found) == 3:
            assert all(abs(a - b) < 1e-12 for a, b in zip(found, KNOWN.values(), strict=True)), self.contestant.name

    def cpu(self) -> float:
        """CPU seconds of the process tree so far."""
        return sum(nanoseconds(pid) for pid in tree(self.process.pid)) / 1e9

    def stop(self) -> None:
        ended(self.process)

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            try:
                self.ask(3)
            except (OSError, http.client.HTTPException, AssertionError):
                self.connection.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"{self.contestant.name} did not start") from None
                time.sleep(0.2)
            else:
                return


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    children = [int(c) for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    return [pid, *(one for child in children for one in tree(child))]


def nanoseconds(pid: int) -> int:
    """On a processor, by all threads of the process."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def measure(runners: list[Runner], size: int, requests: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds an order by contestant, a number a round."""
    costs = defaultdict(list)
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
    """Median, and the ranks around it that hold the true one with at least 95 %."""
    ordered, n = sorted(ratios), len(ratios)
    below = 0
    while below + 1 < n / 2 and 2 * sum(math.comb(n, k) for k in range(below + 2)) / 2**n <= 0.05:
        below += 1
    return statistics.median(ordered), ordered[below], ordered[n - 1 - below]


def table(costs: dict[int, dict[str, list[float]]], against: str) -> str:
    """Rows of contestants, columns of sizes, each a ratio to `against`."""
    lines = [
        f"| CPU an order against {against} = 1 | " + " | ".join(f"{size:,}" for size in costs) + " | what it does not do |"
    ]
    lines.append("|---" * (len(costs) + 2) + "|")
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
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="where the peers' environments are made")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 1000, 10_000])
    given = parser.parse_args()
    runners: list[Runner] = []
    try:
        for contestant in CONTESTANTS:
            runners.append(Runner(contestant, given.peers.resolve()))
            runners[-1].check()
        costs: dict[int, Any] = {}
        for size in given.sizes:
            requests = max(24, min(1000, 150_000 // (size + 60)))
            costs[size] = measure(runners, size, requests, given.rounds)
    finally:
        for runner in runners:
            runner.stop()
    print(table(costs, "this service"))


if __name__ == "__main__":
    main()
