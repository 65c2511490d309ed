"""Explanations: `OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.explanations` compares this service with captum and shap.

All explain the same orders and networks, in float64 and from the mean order, whose z-scores are 0. The CPU time of an order is
the median of three runs over all orders. The other figures are those of attribution_report.py.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from model.core.batch import Floats
from model.core.network import Layer, Network
from model.core.risk_model import RiskModel
from model.importers.arrays import training_arrays
from tests.benchmarks.attribution_report import GRADIENT, HEAD, LOOP, OURS, Explained, rows
from tests.benchmarks.attributions import Layers, along_segments, gradient_times_input
from tests.benchmarks.contestants import PEERS
from tests.benchmarks.costs import cpu
from tests.benchmarks.environments import python_of, versions
from tests.benchmarks.report import MISSED, ratios, table, verdict
from tests.benchmarks.targets import OVER_LOOP
from tests.facts import REAL_DATA, ROOT
from tests.models import model_of
from tests.servers import environment
from tests.training_arrays import LABEL

ROUNDS = 3


def cases(folder: Path) -> tuple[RiskModel, Floats, list[bool]]:
    """A real model, the z-scores of its orders, and which of them were late."""
    model = training_arrays(folder / "model.npz", LABEL, folder / "model.json")
    with open(folder / "cases.csv", newline="") as file:
        orders = list(csv.DictReader(file))
    x = np.array([[float(order[name]) for name in model.manifest.input_names] for order in orders])
    return model, model.standardizer(x), [order["late"] == "1" for order in orders]


def fitted(zscores: Floats, late: list[bool]) -> RiskModel:
    """A network with two hidden layers, fitted to these orders."""
    made = MLPClassifier((64, 32), random_state=0, early_stopping=True).fit(zscores, late)
    weights = zip(made.coefs_, made.intercepts_, ["relu", "relu", "linear"], strict=True)
    return model_of(Network([Layer(np.ascontiguousarray(w.T), b, activation) for w, b, activation in weights]))


def compared() -> Iterator[tuple[RiskModel, Floats]]:
    """The models, each with the z-scores of real orders."""
    for name in ("nyc17_3feature", "nyc17_mlp16"):
        model, zscores, late = cases(REAL_DATA / name)
        yield model, zscores
    yield fitted(zscores, late), zscores


def of_ours(model: RiskModel, layers: Layers, zscores: Floats) -> dict[str, Explained]:
    """What the methods of this process do. They alternate."""
    methods: dict[str, Callable[[], Floats]] = {
        OURS: partial(model.explainer.contributions, zscores),
        LOOP: partial(along_segments, layers, zscores),
        GRADIENT: partial(gradient_times_input, layers, zscores),
    }
    contributions = {name: explain() for name, explain in methods.items()}
    rounds = [{name: cpu(explain, 1) for name, explain in methods.items()} for _ in range(ROUNDS)]
    return {name: Explained(found, [each[name] for each in rounds]) for name, found in contributions.items()}


def of_peers(python: str, layers: Layers, zscores: Floats) -> dict[str, Explained]:
    """What captum and shap do."""
    with tempfile.TemporaryDirectory() as name:
        given, found = Path(name, "given.npz"), Path(name, "found.json")
        arrays = {f"{letter}{n}": array for n, layer in enumerate(layers, 1) for letter, array in zip("wb", layer, strict=True)}
        np.savez(given, zscores=zscores, **arrays)
        command = [python, "-m", f"{PEERS}.explainers", given, found, str(ROUNDS)]
        variables = environment(PYTHONPATH=str(ROOT), OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        subprocess.run(command, cwd=ROOT, env=variables, check=True)
        by_name = json.loads(found.read_text())
    return {name: Explained(np.array(each.pop("contributions")), **each) for name, each in by_name.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1000, help="the first orders of cases.csv (default: 1000)")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="folder for the environment of the others")
    given = parser.parse_args()
    python = python_of("explainers", given.peers.resolve(), sys.executable)
    print(f"this environment: {versions(sys.executable)}\nexplainers: {versions(python)}\n", flush=True)
    lines: list[list[str]] = []
    notes: list[str] = []
    for model, every in compared():
        zscores = np.ascontiguousarray(every[: given.orders])
        layers = [(each.weights, each.bias) for each in model.network.layers]
        name = "-".join(map(str, model.network.sizes))
        by_name = of_ours(model, layers, zscores) | of_peers(python, layers, zscores)
        lines += rows(name, layers, zscores, by_name)
        notes += [f"{name}, {method}: {each.error}" for method, each in by_name.items() if each.error]
    over_loop = statistics.median(ratios(by_name[OURS].seconds, by_name[LOOP].seconds))
    aim = verdict(f"{over_loop:.2f}", f"{OVER_LOOP} at most", over_loop <= OVER_LOOP)
    print(table(HEAD, lines), *notes, f"{name}, {len(zscores):,} orders, {OURS} / {LOOP}: {aim}", sep="\n\n")
    sys.exit(MISSED in aim)


if __name__ == "__main__":
    main()
