"""The benchmark: `python -m tests.benchmarks.run` compares this service with others on this machine, and with its targets.

All contestants run at the same time on loopback. In each round each of them gets the same requests, in an order that changes
from round to round. Before the first round the results of every answer are checked. A ratio is one of two contestants in the
same round. The tables have the median over the rounds and, in brackets, the interval that contains the true median with at
least 95 % (from the binomial distribution of ranks).
"""

import argparse
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import report, targets
from tests.benchmarks.contestants import CONNECTED, CONTESTANTS, OURS, Contestant, on_python
from tests.benchmarks.environments import python_of, versions
from tests.benchmarks.measuring import CONNECTIONS, Case, Runner, connections, measure, started
from tests.deploy.hostile import memory_mib


def running(stack: ExitStack, contestants: Iterable[Contestant], folder: Path, workers: int = 1) -> list[Runner]:
    """These contestants, until the stack is closed."""
    return [stack.enter_context(started(one, folder, workers)) for one in contestants]


def idle_mib(folder: Path) -> float:
    """Memory of a master and two workers of this service that have answered a few requests."""
    with started(OURS, folder, workers=2) as runner:
        time.sleep(1)
        return memory_mib(runner.process.pid)


def prepare(contestants: Iterable[Contestant], folder: Path, upgrade: bool) -> None:
    """Make the environments that are missing, and print what is in each."""
    environments = {one.environment: one.interpreter for one in contestants}
    for name, interpreter in environments.items():
        print(f"{name or 'this environment'}: {versions(python_of(name, folder, interpreter, upgrade))}", flush=True)


def progress(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def all_costs(contestants: list[Contestant], cases: list[Case], rounds: int, folder: Path) -> report.Costs:
    """The costs of these contestants by case."""
    costs = {}
    with ExitStack() as stack:
        runners = running(stack, contestants, folder)
        for case in cases:
            progress(f"{case.size:,} orders, {'heads that differ' if case.differ else 'equal heads'}")
            costs[case] = measure(runners, case, rounds)
    return costs


def all_connections(rounds: int, folder: Path) -> report.Shares:
    """What contestants do with many connections, by the number of workers."""
    shares = {}
    for workers in (1, 2):
        progress(f"{CONNECTIONS} connections, workers: {workers}")
        with ExitStack() as stack:
            shares[workers] = connections(running(stack, CONNECTED, folder, workers), rounds)
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", action="store_true", help="only what has a target; exit with 1 if one is missed")
    parser.add_argument("--python", nargs="+", metavar="PROGRAM", help="only this service, on these Pythons beside this one")
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=targets.SIZES, help="orders in a request")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="folder for the environments of the others")
    parser.add_argument("--upgrade", action="store_true", help="first upgrade these environments to the newest packages")
    given = parser.parse_args()
    folder, cases = given.peers.resolve(), [Case(size) for size in given.sizes]
    if given.python:
        contestants = [OURS, *map(on_python, given.python)]
        prepare(contestants, folder, given.upgrade)
        print("", report.costs(all_costs(contestants, cases, given.rounds, folder), contestants), sep="\n")
        return
    aimed = {one.name for target in targets.COSTS for one in (target.peer, target.ours)}
    contestants = [one for one in CONTESTANTS if one.name in aimed or not given.targets]
    prepare(contestants, folder, given.upgrade)
    idle = idle_mib(folder)
    costs = all_costs(contestants, cases + [Case(1, differ=False)] * (not given.targets), given.rounds, folder)
    shares = all_connections(given.rounds, folder)
    aims = f"{report.cost_targets(costs)}\n\n{report.connection_targets(shares, idle)}"
    print("", aims, report.costs(costs, contestants), report.connections(shares), sep="\n\n")
    sys.exit(given.targets and report.MISSED in aims)


if __name__ == "__main__":
    main()
