"""Files in bulk: `python -m tests.benchmarks.bulk` compares `delivery-risk bulk` with a plain loop, with pyarrow and NumPy.

All read the same Parquet files and write the same columns. Measured are CPU seconds of all processes, rows per second, and the
peak memory of the largest process. They run in turn; before the first round, their results are compared. CSV is compared
with `delivery-risk score` of an earlier revision.
"""

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import report, targets
from tests.benchmarks.environments import check_out
from tests.benchmarks.processes import Used, program, used
from tests.facts import REAL_DATA, ROOT

PLAIN, JOBS = "plain loop", (1, 2)
BEFORE, NOW = "score at {}", "bulk"
Command = Callable[[Path], Sequence[str | Path]]
"""The command that writes into a folder."""


class Kind(NamedTuple):
    """Orders of a kind: the folder of the model that was trained for them, and the plain loop over them."""

    training: str
    loop: str


KINDS = {
    "parquet": Kind("nyc17_3feature", "plain_bulk"),
    "raw": Kind("nyc17_mlp16", "plain_bulk_raw"),
}


def import_model(kind: str, folder: Path) -> Path:
    """The model of these orders. Up to 5 % of the orders are outside its ranges."""
    training = REAL_DATA / KINDS[kind].training
    known, model = json.loads((training / "model.json").read_text()), folder / f"{kind}.npz"
    command = [program("delivery-risk"), "model", "import", training / "model.npz", "--name", kind, "--version", "1"]
    command += ["--threshold", repr(known["threshold_review_10pct"]["threshold"]), "--out", model]
    if kind == "raw":
        command += ["--preparation", REAL_DATA / "nyc17_raw" / "preparation.json"]
    else:
        features = [{"name": each["name"], "minimum": each["p01"], "maximum": each["p99"]} for each in known["features"]]
        (folder / "card.json").write_text(json.dumps({"features": features}))
        command += ["--card", folder / "card.json"]
    subprocess.run(command, check=True, capture_output=True)
    return model


def orders(kind: str, folder: Path, rows: int, files: int) -> Path:
    """The folder with these orders, which is made if it does not exist."""
    found = folder / f"{kind}-{rows}-{files}"
    _apart("write", kind, found, rows, files)
    return found


def _apart(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "tests.benchmarks.bulk_orders", *map(str, arguments)], cwd=ROOT, check=True)


def measured(commands: Mapping[str, Command], folder: Path, rounds: int, compared: bool = True) -> dict[str, list[Used]]:
    """What each command used, once a round. The first round is a warm-up; there, results must be those of the first command."""
    found: dict[str, list[Used]] = {name: [] for name in commands}
    first = next(iter(commands))
    for number in range(rounds + 1):
        for name in [*commands] if number == 0 else random.sample([*commands], len(commands)):
            out = folder / name
            shutil.rmtree(out, ignore_errors=True)
            if name == PLAIN:
                out.mkdir()
            each = used(commands[name](out))
            print(f"round {number}, {name}: {each.seconds:.2f} s of CPU, {each.clock:.2f} s", file=sys.stderr, flush=True)
            if number:
                found[name].append(each)
            elif compared and name != first:
                _apart("compare", folder / first, out)
    return found


def parquet(kind: str, source: Path, folder: Path, rows: int, rounds: int) -> str:
    """The table of `bulk` beside the plain loop."""
    model = import_model(kind, folder)
    commands: dict[str, Command] = {PLAIN: lambda out: loop_command(kind, model, source, out)}
    for jobs in JOBS:
        commands[f"bulk --jobs {jobs}"] = lambda out, jobs=jobs: [*bulk_command(model, source, out), "--jobs", str(jobs)]  # type: ignore[misc]
    found, lines = measured(commands, folder, rounds), []
    for name, each in found.items():
        ratios = report.ratios((one.seconds for one in each), (one.seconds for one in found[PLAIN]))
        peak, cpu = max(one.largest for one in each), statistics.median(ratios)
        cells = [report.shown(ratios), f"{peak:.0f} MiB"]
        if name != PLAIN:
            cells = [
                report.verdict(cells[0], f"{targets.BULK_OVER_LOOP} at most", cpu <= targets.BULK_OVER_LOOP),
                report.verdict(cells[1], f"{targets.BULK_MIB} MiB at most", peak <= targets.BULK_MIB),
            ]
        size = sum(path.stat().st_size for path in (folder / name).glob("*.parquet")) / 2**20
        lines.append([name, *cells, *_rates(each, rows), f"{size:,.0f} MiB"])
    head = [f"{rows:,} orders, {kind}", f"CPU, {PLAIN} = 1", "largest process", "CPU, s a million", "rows/s", "output"]
    return report.table(head, lines)


def loop_command(kind: str, model: Path, source: Path, out: Path) -> list[str | Path]:
    return [sys.executable, "-m", f"tests.benchmarks.peers.{KINDS[kind].loop}", model, source, out]


def bulk_command(model: Path, source: Path, out: Path) -> list[str | Path]:
    return [program("delivery-risk"), "bulk", source, out, "--model", model]


def _rates(found: Sequence[Used], rows: int) -> list[str]:
    seconds, clock = (statistics.median(each) for each in zip(*((one.seconds, one.clock) for one in found), strict=True))
    return [f"{seconds / rows * 1e6:.2f}", f"{rows / clock:,.0f}"]


def csv(revision: str, source: Path, folder: Path, rows: int, rounds: int) -> str:
    """The table of `bulk` beside `score` of another revision. The source has one file."""
    model, (file,), checkout = import_model("parquet", folder), source.glob("*.csv"), folder / "checkout"
    check_out(revision, checkout)
    before = BEFORE.format(revision)
    score = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(checkout)!r}); from service.cli import main; main()"]
    commands: dict[str, Command] = {
        before: lambda out: [*score, "score", file, "--model", model, "--out", out],
        NOW: lambda out: bulk_command(model, source, out),
    }
    found = measured(commands, folder, rounds, compared=False)
    ratios = report.ratios((one.seconds for one in found[before]), (one.seconds for one in found[NOW]))
    lines = [
        [before, "", *_rates(found[before], rows)],
        [NOW, report.aimed(ratios, targets.BULK_CSV), *_rates(found[NOW], rows)],
    ]
    return report.table([f"{rows:,} orders, CSV", f"rows/s of CPU, {before} = 1", "CPU, s a million", "rows/s"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000, help="orders in Parquet (default: 20,000,000)")
    parser.add_argument("--files", type=int, default=16, help="files of Parquet (default: 16)")
    parser.add_argument("--fewer", type=int, default=1_000_000, help="orders in CSV, and raw ones (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=6, help="fewer are faster and less certain (default: 6)")
    parser.add_argument("--revision", default="c92a648", help="of the `score` beside which CSV is measured (default: c92a648)")
    parser.add_argument("--only", choices=["parquet", "raw", "csv"], nargs="+", default=["parquet", "raw", "csv"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in given.only:
            rows, files = (given.rows, given.files) if kind == "parquet" else (given.fewer, 1 if kind == "csv" else 4)
            source = orders(kind, folder, rows, files)
            if kind == "csv":
                print("", csv(given.revision, source, folder, rows, given.rounds), sep="\n", flush=True)
            else:
                print("", parquet(kind, source, folder, rows, given.rounds), sep="\n", flush=True)
            shutil.rmtree(source)


if __name__ == "__main__":
    main()
