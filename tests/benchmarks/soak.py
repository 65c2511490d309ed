"""A soak test: `python -m tests.benchmarks.soak [MINUTES]` runs the service at half of its capacity and checks for growth.

Clients send single orders and batches of 1,000, on kept and on new connections, and scrape once per second. The first quarter
is a warm-up. Exits with 1 if a request failed, or if memory, file descriptors or threads grew.
"""

import statistics
import sys
import time
from pathlib import Path

from tests.integration.load import Load, get, orders, post
from tests.servers import Server, running

MINUTES = 10
CLIENTS = 4
GROWTH = 1.05  # allowed ratio of the last quarter's median to the second's; connections just opened are a few descriptors
_REQUESTS = {"one order": post(orders(1)), "1,000 orders": post(orders(1000))}


def sample(server: Server) -> tuple[float, int, int]:
    """Resident MiB, file descriptors and threads of the master and its workers."""
    pids = [server.process.pid, *server.workers()]
    status = "\n".join(Path(f"/proc/{pid}/status").read_text() for pid in pids)

    def total(name: str) -> int:
        return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))

    descriptors = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    return total("VmRSS:") / 1024, descriptors, total("Threads:")


def capacity(server: Server, request: bytes) -> float:
    """Answered requests per second of CLIENTS clients without a pause."""
    end = time.monotonic() + 3
    return Load(server.port, request, CLIENTS, lambda _: time.monotonic() < end).outcomes().statuses[200] / 3


def main(minutes: float) -> bool:
    """Run and print samples. Returns whether every request was answered and nothing grew."""
    with running() as server:
        server.all_workers(2)
        rates = {name: capacity(server, request) / 4 for name, request in _REQUESTS.items()}
        end = time.monotonic() + 60 * minutes
        loads = []
        for fresh, (name, rate) in enumerate(rates.items()):
            # A quarter of the capacity each, by two clients; a request is short compared with the pause.
            print(f"{name}: capacity {4 * rate:.0f} requests per second, load {rate:.0f}")
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
        p99 = outcomes.share(0.99) * 1000
        print(f"{name} {dict(outcomes.statuses)}, failed {dict(outcomes.failures)}, p99 {p99:.1f} ms")
    answered = not any(outcomes.failures or set(outcomes.statuses) != {200} for outcomes in found)
    return all(_flat(list(map(float, column))) for column in zip(*samples, strict=True)) and answered


def _flat(values: list[float]) -> bool:
    quarter = len(values) // 4
    early, late = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
    print(f"second quarter {early:.1f}, last quarter {late:.1f}")
    return late <= GROWTH * early


if __name__ == "__main__":
    sys.exit(not main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
