"""Raw orders: `python -m tests.benchmarks.raw_orders` compares this service with FastAPI running scikit-learn's own pipeline.

The pipeline is fitted to drawn orders and imported with its preparation. All answer the same orders, whose scores must be those
of the pipeline. This service also gets them in columns, as raw orders and as the features that the pipeline makes of them.
The figures are those of tests.benchmarks.run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from service.config import variable
from tests.benchmarks import report, targets
from tests.benchmarks.bodies import Result, columns_of, records_of, results
from tests.benchmarks.contestants import OUR_COLUMNS, OURS, PEERS, Contestant, web
from tests.benchmarks.environments import python_of
from tests.benchmarks.measuring import Case
from tests.benchmarks.run import all_costs, prepare
from tests.facts import ROOT, THRESHOLD

PIPELINE = replace(web("FastAPI + scikit-learn's pipeline", "fastapi_pipeline"), environment="pipeline")
COLUMNS, FEATURES = "this service, columns", "this service, the 35 features in columns"
NAMES = {"raw": ["--preparation", "preparation.json"], "prepared": []}


def fit(python: str, folder: Path) -> None:
    """Write the files of the pipeline, and the models that are imported from it: of raw orders, and of their features."""
    fitting = [python, "-c", f"import sys, pathlib, {PEERS}.pipeline as made; made.write(pathlib.Path(sys.argv[1]))", folder]
    subprocess.run(fitting, cwd=ROOT, check=True, capture_output=True)
    for name, options in NAMES.items():
        command = [sys.executable, "-m", "service.cli", "model", "import", "trained.npz", "--name", name, "--version", "1"]
        command += ["--threshold", str(THRESHOLD), "--out", f"{name}.npz", *options]
        subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)


def contestants(folder: Path) -> list[Contestant]:
    """Those that answer the orders in this folder: this service is first."""
    known = json.loads((folder / "orders.json").read_text())

    def body(encode: Callable[[Any], bytes], name: str, count: int) -> bytes:
        return encode(known[name][:count])

    def expected(count: int) -> list[Result]:
        return results(known["scores"][:count])

    raw, prepared = ({variable("model"): str(folder / f"{name}.npz")} for name in NAMES)
    records, columns = partial(body, records_of, "raw"), partial(body, columns_of, "raw")
    found = [
        replace(OURS, body=records, variables=raw),
        replace(PIPELINE, body=records, variables={"PIPELINE": str(folder / "pipeline.joblib")}),
        replace(OUR_COLUMNS, name=COLUMNS, body=columns, variables=raw),
        replace(OUR_COLUMNS, name=FEATURES, body=partial(body, columns_of, "prepared"), variables=prepared),
    ]
    return [replace(each, expected=expected) for each in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=targets.SIZES, help="orders in a request")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="folder for the environment of the other")
    given = parser.parse_args()
    peers = given.peers.resolve()
    prepare([OURS, PIPELINE], peers, upgrade=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fit(python_of(PIPELINE.environment, peers, PIPELINE.interpreter), folder)
        found = contestants(folder)
        costs = all_costs(found, [Case(size) for size in given.sizes], given.rounds, peers)
    print("", report.costs(costs, found), "", sep="\n")
    for case, by_name in costs.items():
        print(
            f"{case.size:,} orders, {COLUMNS} / {FEATURES}: {report.shown(report.ratios(by_name[COLUMNS], by_name[FEATURES]))}"
        )


if __name__ == "__main__":
    main()
