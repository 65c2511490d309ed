"""Ray Data and Spark beside `delivery-risk bulk` and a plain loop: `python -m tests.benchmarks.engines`, after install.sh.

All score the same Parquet files, the engines by the programs of docs/operations/engines.md on two CPUs. The start of each is
measured by a run over few orders, and is taken off. With the price of a CPU hour this gives what a billion orders cost.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.bulk import PLAIN, bulk_command, import_model, loop_command, orders
from tests.benchmarks.processes import Used
from tests.deploy import engines

FEW = 20_000
BILLION = 1e9
Run = Callable[[Path, Path], Used]
"""Scores the orders of a folder into another."""


def runs(model: Path) -> dict[str, Run]:
    return {
        PLAIN: lambda source, out: engines.measured(loop_command("parquet", model, source, out)),
        "bulk --jobs 2": lambda source, out: engines.measured([*bulk_command(model, source, out), "--jobs", "2"]),
        **{name: lambda source, out, name=name: engines.run(name, model, source, out) for name in engines.ENGINES},  # type: ignore[misc]
    }


def row(name: str, many: list[Used], few: list[Used], rows: int, price: float) -> list[str]:
    """The median over the rounds of what all orders used, and of what each used beyond the start."""
    all_seconds, start = (statistics.median(each.seconds for each in found) for found in (many, few))
    each = (all_seconds - start) / (rows - FEW)
    hours = BILLION * each / 3600
    memory = (max(getattr(used, of) for used in many) for of in ("largest", "all"))
    cells = [f"{start:.1f} s", f"{each * 1e6:.2f} s", *(f"{mib:,.0f} MiB" for mib in memory)]
    return [name, *cells, f"{hours:.2f}", f"{hours * price:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000, help="orders, in 4 files (default: 2,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="fewer are faster and less certain (default: 3)")
    parser.add_argument("--price", type=float, default=0.04, help="US dollars of a CPU hour (default: 0.04)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name, "out")
        found = {name: ([], []) for name in runs(folder)}
        model, sources = import_model("parquet", folder), [orders("parquet", folder, n, 4) for n in (given.rows, FEW)]
        for number in range(given.rounds):
            for name, run in runs(model).items():
                for source, used in zip(sources, found[name], strict=True):
                    shutil.rmtree(out, ignore_errors=True)
                    if name == PLAIN:
                        out.mkdir()
                    used.append(run(source, out))
                    print(f"round {number}, {name}, {source.name}: {used[-1]}", file=sys.stderr, flush=True)
    head = [f"{given.rows:,} orders", "start, CPU", "CPU a million", "largest process", "all processes (PSS)"]
    head += ["CPU hours a billion", f"US dollars at {given.price:g} a CPU hour"]
    print(report.table(head, (row(name, *used, given.rows, given.price) for name, used in found.items())))


if __name__ == "__main__":
    main()
