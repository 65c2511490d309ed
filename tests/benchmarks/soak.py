"""Soak: the service at half of what it can take, for minutes; its memory, descriptors and threads are to stay as they are.

    .venv/bin/python -m tests.benchmarks.soak [MINUTES]

Single orders and batches of 1,000 in turn, on kept and on fresh connections, and a scrape a second. The first quarter is taken
as warming up. Ends with 1 where a request failed or something grew.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.integration.load import Load, Outcomes, get, orders, post
from tests.servers import Server, running

MINUTES = 10
CLIENTS = 4
GROWTH = 1.05  # of the last quarter's median over the second's; a few descriptors more are connections just open
_REQUESTS = {"one order": post(orders(1)), "1,000 orders": post(orders(1000))}


class Sample(NamedTuple):
    """What the master and its workers hold."""

    resident_mib: float
    descriptors: int
    threads: int


def sample(server: Server) -> Sample:
    """What they hold now."""
    pids = [server.process.pid, *server.workers()]
    status = "\n".join(Path(f"/proc/{pid}/status").read_text() for pid in pids)

    def total(name: str) -> int:
        return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))

    descriptors = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    return Sample(total("VmRSS:") / 1024, descriptors, total("Threads:"))


def capacity(server: Server, request: bytes) -> float:
    """Requests a second that so many clients get answered without a pause."""
    end = time.monotonic() + 3
    return Load(server.port, request, CLIENTS, lambda _: time.monotonic() < end).outcomes().statuses[200] / 3


def main(minutes: float) -> bool:
    """Run, print a line a sample, and tell whether all stayed as it was."""
    with running() as server:
        server.all_workers(2)
        rates = {name: capacity(server, request) / 4 for name, request in _REQUESTS.items()}
        end = time.monotonic() + 60 * minutes
        loads = []
        for fresh, (name, rate) in enumerate(rates.items()):
            # A quarter of the capacity each, by two clients: what a request takes itself is short beside the pause.
            print(f"{name}: {4 * rate:.0f} requests a second at most, {rate:.0f} from now on")
            loads.append(Load(server.port, _REQUESTS[name], 2, lambda _: time.monotonic() < end, bool(fresh), 2 / rate))
        loads.append(Load(server.port, get("/metrics"), 1, lambda _: time.monotonic() < end, fresh=True, pause=1))
        samples = []
        print("seconds, MiB resident, descriptors, threads")
        while (left := end - time.monotonic()) > 1:
            samples.append(sample(server))
            if len(samples) % 20 == 1:
                resident, descriptors, threads = samples[-1]
                print(f"{60 * minutes - left:.0f}, {resident:.1f}, {descriptors}, {threads}", flush=True)
            time.sleep(minutes / 4)
        found = [one.outcomes() for one in loads]
    for name, outcomes in zip([*_REQUESTS, "scrapes"], found, strict=True):
        print(name, _told(outcomes))
    return all(_flat(list(map(float, column))) for column in zip(*samples, strict=True)) and not any(
        outcomes.failures or set(outcomes.statuses) != {200} for outcomes in found
    )


def _flat(values: list[float]) -> bool:
    quarter = len(values) // 4
    early, late = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
    print(f"second quarter {early:.1f}, last quarter {late:.1f}")
    return late <= GROWTH * early


def _told(outcomes: Outcomes) -> str:
    return f"{dict(outcomes.statuses)}, failed {dict(outcomes.failures)}, p99 {outcomes.share(0.99) * 1000:.1f} ms"


if __name__ == "__main__":
    sys.exit(not main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
