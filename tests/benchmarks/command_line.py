"""The command line against that of another revision: `python -m tests.benchmarks.command_line REVISION`.

Measured are rows per second of CPU of `delivery-risk score`, its start included. Both run in turn and must write the same
results.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks import report, targets
from tests.benchmarks.bodies import dumps, orders
from tests.benchmarks.environments import check_out
from tests.facts import FEATURES, ROOT
from tests.servers import environment

ROWS, ROUNDS = 200_000, 9


def write(folder: Path) -> dict[str, Path]:
    """A file of orders in each format, by its ending."""
    names = ("order_id", *FEATURES)
    rows = [(f"O-{number:07d}", *order) for number, order in enumerate(orders(ROWS))]
    csv, lines = folder / "orders.csv", folder / "orders.jsonl"
    csv.write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]))
    lines.write_bytes(b"".join(dumps(dict(zip(names, row, strict=True))) + b"\n" for row in rows))
    return {"csv": csv, "jsonl": lines}


def cpu(root: Path, file: Path, out: Path) -> float:
    """CPU seconds of scoring this file with the service of this folder."""
    command = [sys.executable, "-m", "service.cli", "score", str(file), "--out", str(out)]
    process = subprocess.Popen(command, cwd=root, env=environment(PYTHONPATH=str(root)), stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    return used.ru_utime + used.ru_stime


def rates(roots: dict[str, Path], file: Path) -> dict[str, list[float]]:
    """Rows per second of CPU by the name of a folder, one number per round. The round before the first is a warm-up."""
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        for name in random.sample(list(roots), len(roots)):
            seconds = cpu(roots[name], file, file.with_name(f"{name}{file.suffix}"))
            if number:
                found[name].append(ROWS / seconds)
    if len({file.with_name(f"{name}{file.suffix}").read_bytes() for name in roots}) > 1:
        raise RuntimeError(f"the results of {file.name} differ")
    return found


def main(revision: str) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder, "before")
        check_out(revision, before)
        for ending, file in write(Path(folder)).items():
            found = rates({"before": before, "now": ROOT}, file)
            medians = (f"{statistics.median(found[name]):,.0f}" for name in ("before", "now"))
            rows.append([ending, *medians, report.aimed(report.ratios(found["now"], found["before"]), targets.COMMAND_LINE)])
    print(report.table([f"{ROWS:,} rows", f"rows/s of CPU at {revision}", "now", "now / before"], rows))


if __name__ == "__main__":
    main(sys.argv[1])
