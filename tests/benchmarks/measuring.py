"""Running contestants, and the measurements: CPU per order, many connections, memory at rest."""

import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.bodies import agree
from tests.benchmarks.client import Exchange, load, opened, requests
from tests.benchmarks.contestants import Contestant
from tests.benchmarks.environments import python_of
from tests.facts import ROOT
from tests.servers import ended, environment, free_port, until

CONNECTIONS = 16


class WrongAnswer(Exception):
    """A contestant answered with another status, or with other results than expected."""


class Case(NamedTuple):
    """Orders in a request, and whether the heads of the requests differ."""

    size: int
    differ: bool = True


class Share(NamedTuple):
    """What one contestant did with many connections in one round. Times in seconds."""

    rate: float
    p50: float
    p99: float
    not_200: int


class Runner:
    """A running contestant."""

    def __init__(self, contestant: Contestant, process: subprocess.Popen[bytes], port: int) -> None:
        self.contestant, self.process, self.port = contestant, process, port
        self._requests: dict[Case, Iterator[bytes]] = {}

    def requests(self, case: Case) -> Iterator[bytes]:
        """Its requests, without end."""
        if case not in self._requests:
            body = self.contestant.body(case.size)
            headers = self.contestant.headers(case.size)
            self._requests[case] = requests(self.contestant.path, body, headers, differ=case.differ)
        return self._requests[case]

    def ask(self, exchange: Exchange, case: Case) -> bytes:
        """The body of an answer, which must have status 200."""
        status, content = exchange.ask(next(self.requests(case)))
        if status != 200:
            raise WrongAnswer(f"{self.contestant.name} answered {status} to {case.size} orders: {content[:300]!r}")
        return content

    def check(self, exchange: Exchange, case: Case) -> None:
        """Ask, and compare the answer with the expected results."""
        found = self.contestant.results(self.contestant.read(self.ask(exchange, case)))
        if not agree(found, self.contestant.expected(case.size)):
            raise WrongAnswer(f"{self.contestant.name} answered wrong results to {case.size} orders")

    def answers(self) -> bool:
        with suppress(OSError), ExitStack() as stack:
            return bool(self.ask(opened(stack, self.port), Case(3)))
        return False

    def cpu(self) -> float:
        """CPU seconds of the process tree so far."""
        threads = [task for pid in tree(self.process.pid) for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in threads) / 1e9


@contextmanager
def started(contestant: Contestant, folder: Path = Path(), workers: int = 1) -> Iterator[Runner]:
    """A contestant that answers, until the block ends. The folder has the environments of the contestants."""
    ports = {name: free_port() for name in ("port", "port1", "port2")}
    python = python_of(contestant.environment, folder, contestant.interpreter)
    command = [python, *(part.format(**ports, workers=workers) for part in contestant.command)]
    variables = {name: value.format(**ports) for name, value in contestant.variables.items()}
    given = environment(PYTHONPATH=str(ROOT), OPENBLAS_NUM_THREADS="1", **variables)
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runner = Runner(contestant, subprocess.Popen(command, cwd=ROOT, env=given, **quiet), ports["port"])
    try:
        if not until(lambda: runner.process.poll() is not None or runner.answers(), 90) or runner.process.poll() is not None:
            raise RuntimeError(f"{contestant.name} did not start: {' '.join(command)}")
        yield runner
    finally:
        ended(runner.process)


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    children = [int(c) for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    return [pid, *(one for child in children for one in tree(child))]


def measure(runners: list[Runner], case: Case, rounds: int, checked: bool = True) -> dict[str, list[float]]:
    """CPU seconds per order by contestant, one number per round.

    The round before the first is a warm-up, in which the results of every answer are checked.
    """
    count = max(24, min(1000, 150_000 // (case.size + 60)))
    costs: dict[str, list[float]] = defaultdict(list)
    turns = random.Random(case.size)
    for number in range(rounds + 1):
        for runner in turns.sample(runners, len(runners)):
            with ExitStack() as stack:
                exchange = opened(stack, runner.port)
                if number == 0:
                    for _ in range(count):
                        (runner.check if checked else runner.ask)(exchange, case)
                    continue
                runner.ask(exchange, case)
                before = runner.cpu()
                for _ in range(count):
                    runner.ask(exchange, case)
                costs[runner.contestant.name].append((runner.cpu() - before) / count / case.size)
    return costs


def connections(runners: list[Runner], rounds: int, seconds: float = 1.0) -> dict[str, list[Share]]:
    """What each contestant does with many connections of one order, one share per round. The first round is a warm-up."""
    shares: dict[str, list[Share]] = defaultdict(list)
    turns = random.Random(rounds)
    for number in range(rounds + 1):
        for runner in turns.sample(runners, len(runners)):
            begun = time.perf_counter()
            found = load(runner.port, runner.requests(Case(1)), CONNECTIONS, seconds)
            rate = found.statuses[200] / (time.perf_counter() - begun)
            if number:
                share = Share(rate, found.share(0.5), found.share(0.99), found.sent - found.statuses[200])
                shares[runner.contestant.name].append(share)
    return shares
