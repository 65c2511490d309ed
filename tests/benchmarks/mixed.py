"""Small requests beside large ones: `python -m tests.benchmarks.mixed REVISION [MINUTES]`.

Four clients send batches of 10,000 orders. Beside them one client sends single orders and one sends probes, each with a pause.
This version and another git revision are measured in turn, half a minute each, with two workers. Clients and workers share the
machine. It exits with 1 if an answer to a small request or a probe is missing or is not 200.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.environments import check_out
from tests.benchmarks.report import table
from tests.facts import ROOT
from tests.integration.load import Load, Outcomes, get, orders, post
from tests.servers import running

MINUTES, TURN_SECONDS, LARGE_CLIENTS, PAUSE = 10.0, 30.0, 4, 0.01
_SMALL = {"one order": post(orders(1)), "probe": get("/livez")}


def turn(root: Path) -> dict[str, Outcomes]:
    """What came of the small requests to the service of this folder, and of the large ones."""
    command = [sys.executable, "-m", "service.cli", "serve"]
    with running(command, PYTHONPATH=str(root), DELIVERY_RISK_MAX_CONCURRENT="6", cwd=root) as server:
        end = time.monotonic() + TURN_SECONDS

        def going(_: Outcomes) -> bool:
            return time.monotonic() < end

        large = Load(server.port, post(orders(10_000)), LARGE_CLIENTS, going)
        small = {name: Load(server.port, request, 1, going, pause=PAUSE) for name, request in _SMALL.items()}
        return {name: load.outcomes() for name, load in small.items()} | {"10,000 orders": large.outcomes()}


def main(revision: str, minutes: float) -> bool:
    """Print the times of both. Returns whether every small request was answered."""
    found: dict[str, list[dict[str, Outcomes]]] = {revision: [], "now": []}
    with tempfile.TemporaryDirectory() as folder:
        check_out(revision, Path(folder))
        for _ in range(max(1, round(minutes * 60 / TURN_SECONDS / 2))):
            found[revision].append(turn(Path(folder)))
            found["now"].append(turn(ROOT))
    rows, answered = [], True
    for name in (*_SMALL, "10,000 orders"):
        for version, turns in found.items():
            each = [outcomes[name] for outcomes in turns]
            not_200 = sum(one.sent - one.statuses[200] for one in each)
            answered &= name not in _SMALL or not not_200
            times = (f"{1000 * statistics.median(one.share(part) for one in each):.1f}" for part in (0.5, 0.99))
            rows.append([name, version, *times, f"{sum(one.sent for one in each):,}", f"{not_200}"])
    print(table(["request", "version", "p50, ms", "p99, ms", "requests", "answers other than 200"], rows))
    return answered


if __name__ == "__main__":
    raise SystemExit(not main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else MINUTES))
