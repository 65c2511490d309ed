"""The tables that the benchmark prints. A number in brackets belongs to the interval that contains the median."""

import math
import statistics
from collections.abc import Iterable, Sequence

from tests.benchmarks import targets
from tests.benchmarks.contestants import CONNECTED, LITESTAR, OURS, Contestant
from tests.benchmarks.measuring import CONNECTIONS, Case, Share

Costs = dict[Case, dict[str, list[float]]]
Shares = dict[int, dict[str, list[Share]]]
MISSED = "**missed**"


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the two values that enclose the true median with at least 95 %."""
    ordered, n, below = sorted(ratios), len(ratios), 0
    while below + 1 < n / 2 and 2 * sum(math.comb(n, k) for k in range(below + 2)) / 2**n <= 0.05:
        below += 1
    return statistics.median(ordered), ordered[below], ordered[n - 1 - below]


def ratios(over: Iterable[float], under: Iterable[float]) -> list[float]:
    """One ratio per round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def shown(found: Sequence[float]) -> str:
    median, low, high = interval(found)
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def verdict(text: str, target: str, met: bool) -> str:
    """A cell of the targets."""
    return f"{text}, target {target}{'' if met else f', {MISSED}'}"


def aimed(found: Sequence[float], least: float) -> str:
    """A cell with ratios, and the least that their median must be."""
    return verdict(shown(found), f"{least:g}", statistics.median(found) >= least)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def costs(found: Costs, contestants: Sequence[Contestant]) -> str:
    """A row for each contestant, a column for each case; the cells are ratios to this service."""
    head = [f"CPU per order, {OURS.name} = 1", *(f"{case.size:,}{'' if case.differ else ', equal heads'}" for case in found)]
    rows = [
        [one.name, *(shown(ratios(by_name[one.name], by_name[OURS.name])) for by_name in found.values()), one.differs]
        for one in contestants
    ]
    micro = [f"{statistics.median(by_name[OURS.name]) * 1e6:.2f} µs" for by_name in found.values()]
    return table([*head, "what it does not do"], [*rows, [f"{OURS.name}, absolute", *micro, ""]])


def cost_targets(found: Costs) -> str:
    """A row for each target, a column for each size; the cells are multiples of our cost."""
    sizes = [case for case in found if case.differ]

    def cell(target: targets.Target, case: Case) -> str:
        least, by_name = target.least.get(case.size), found[case]
        return "" if least is None else aimed(ratios(by_name[target.peer.name], by_name[target.ours.name]), least)

    rows = [[f"{one.peer.name} / {one.ours.name}", *(cell(one, case) for case in sizes)] for one in targets.COSTS]
    return table(["CPU per order", *(f"{case.size:,}" for case in sizes)], rows)


def connections(found: Shares) -> str:
    """A row for each contestant and number of workers: medians over the rounds, and the sum of answers other than 200."""

    def row(workers: int, name: str, shares: list[Share]) -> list[str]:
        rate, p50, p99, _ = map(statistics.median, zip(*shares, strict=True))
        times = (f"{seconds * 1000:.2f}" for seconds in (p50, p99))
        return [name, f"{workers}", f"{rate:,.0f}", *times, f"{sum(one.not_200 for one in shares)}"]

    head = [f"{CONNECTIONS} connections of one order", "workers", "requests/s", "p50, ms", "p99, ms", "answers other than 200"]
    return table(head, [row(workers, one.name, by_name[one.name]) for workers, by_name in found.items() for one in CONNECTED])


def connection_targets(found: Shares, idle: float) -> str:
    """What must hold with many connections, by the number of workers, and the memory at rest."""
    pairs = [(by_name[OURS.name], by_name[LITESTAR.name]) for by_name in found.values()]
    rates = [ratios([one.rate for one in ours], [one.rate for one in other]) for ours, other in pairs]
    latencies = [ratios([one.p99 for one in other], [one.p99 for one in ours]) for ours, other in pairs]
    others = [sum(one.not_200 for one in ours) for ours, _ in pairs]
    rows = [
        [f"requests/s, {OURS.name} / {LITESTAR.name}", *(aimed(each, targets.RATE) for each in rates)],
        [f"p99, {LITESTAR.name} / {OURS.name}", *(aimed(each, targets.LATENCY) for each in latencies)],
        ["answers other than 200", *(verdict(f"{each}", "0", not each) for each in others)],
    ]
    memory = verdict(f"{idle:.1f} MiB", f"{targets.IDLE_MIB} MiB at most", idle <= targets.IDLE_MIB)
    head = [f"{CONNECTIONS} connections of one order", *(f"{workers} worker{'s' * (workers > 1)}" for workers in found)]
    return f"{table(head, rows)}\n\nMemory of a master and two workers at rest (PSS): {memory}"
