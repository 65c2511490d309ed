"""Replay of a decision log beside `score` of the same orders as a file: `python -m tests.benchmarks.replay [ORDERS]`.

The log has the orders in requests of one size. Measured are rows per second of CPU, the start of the command included, and of
the clock. All commands run in turn; each number is the median of the rounds.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from model.artifact import model_file
from schemas.decision_record import dumps, record
from schemas.validation import BatchValidator
from service.scoring.batch import Options, score_batch
from tests.benchmarks import report, targets
from tests.benchmarks.bodies import orders
from tests.decisions import ABOUT
from tests.facts import FEATURES
from tests.model_files import GOOD
from tests.servers import environment

SIZES, ROUNDS = (1, 100, 10_000), 3


def write(folder: Path, count: int) -> Mapping[str, Sequence[str]]:
    """The orders as a file and as a log for each size of request. Returns the command of each by its name."""
    model = folder / "model.npz"
    model.write_bytes(GOOD)
    names, rows = ("order_id", *FEATURES), [(f"O-{number:07d}", *order) for number, order in enumerate(orders(count))]
    file = folder / "orders.csv"
    file.write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]))
    commands = {"score": ["score", str(file), "--model", str(model), "--out", os.devnull]}
    for size in SIZES:
        log = folder / f"log-{size}"
        log.mkdir()
        with (log / "decisions-0123456789abcdef-0-0.jsonl").open("wb") as lines:
            for start in range(0, count, size):
                lines.write(_line([dict(zip(names, row, strict=True)) for row in rows[start : start + size]]))
        commands[f"replay, requests of {size:,}"] = ["replay", str(log), "--models", str(model)]
    return commands


def _line(batch: list[dict[str, object]]) -> bytes:
    decoded = _VALIDATOR.decode(batch)
    return dumps(record(score_batch(_MODEL, decoded, Options("review")), ABOUT))


_MODEL = model_file.loads(GOOD)
_VALIDATOR = BatchValidator(_MODEL.manifest.inputs, max(SIZES))


def seconds(arguments: Sequence[str]) -> tuple[float, float]:
    """CPU and wall-clock seconds of a command."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin


def main(count: int) -> None:
    cpu, clock = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as folder:
        commands = write(Path(folder), count)
        for _ in range(ROUNDS):
            for name in random.sample(list(commands), len(commands)):
                used, passed = seconds(commands[name])
                cpu[name].append(count / used)
                clock[name].append(count / passed)
    rows = []
    for name in commands:
        medians = (f"{statistics.median(found[name]):,.0f}" for found in (cpu, clock))
        ratio = report.ratios(cpu[name], cpu["score"])
        aimed = report.aimed(ratio, targets.REPLAY) if name.endswith(f"{max(SIZES):,}") else report.shown(ratio)
        rows.append([name, *medians, aimed])
    print(report.table([f"{count:,} orders", "rows/s of CPU", "rows/s", "CPU: / score"], rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
