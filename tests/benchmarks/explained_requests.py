"""Explained requests: `python -m tests.benchmarks.explained_requests` shows what explanations add to a request.

Servers with models of random weights answer the same orders with and without `explain`. The figures are those of
tests.benchmarks.run.
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from model.artifact import model_file
from model.core.batch import Batch
from model.core.network import Layer, Network
from service.config import variable
from tests.benchmarks import report
from tests.benchmarks.bodies import Result, columns_of, records_of
from tests.benchmarks.contestants import OUR_COLUMNS, OURS, Contestant
from tests.benchmarks.measuring import Case
from tests.benchmarks.run import all_costs
from tests.models import model_of

SIZES = {(3, 3, 1): (1, 1000), (35, 16, 1): (1, 1000), (35, 64, 32, 1): (1,)}
"""Orders in a request by network. 1,000 orders of the last one take minutes: tests.benchmarks.explanations has their cost."""

EXPLAINED = ("none", "review", "all")


def network(sizes: tuple[int, ...]) -> Network:
    """A network of relu layers with random weights."""
    draw = np.random.default_rng(len(sizes))
    return Network(
        [
            Layer(draw.normal(0, inputs**-0.5, (units, inputs)), draw.normal(0, 0.3, units), "relu" if units > 1 else "linear")
            for inputs, units in pairwise(sizes)
        ]
    )


def contestants(sizes: tuple[int, ...], folder: Path) -> dict[str, Contestant]:
    """This service with a model of this network, in records and columns, by what is explained."""
    file = folder / f"{'-'.join(map(str, sizes))}.npz"
    model = model_of(network(sizes), threshold=0.6)
    model_file.write(model, file)
    x = np.random.default_rng(1).normal(0, 1, (max(SIZES[sizes]), sizes[0])).round(4)
    orders = [dict(zip(model.manifest.input_names, row, strict=True)) for row in x.tolist()]
    ids = [f"O-{number:06d}" for number in range(len(x))]
    scores = model.score(Batch(ids, x))
    queues = ["review" if each else "monitor" for each in scores.review]

    def expected(count: int) -> list[Result]:
        return list(zip(ids[:count], scores.values, queues, strict=False))

    found = {}
    for format, base, body in (("records", OURS, records_of), ("columns", OUR_COLUMNS, columns_of)):
        for explained in EXPLAINED:
            name, path = f"{format}, {explained}", "/score" if explained == "none" else f"/score?explain={explained}"
            variables = {variable("model"): str(file), variable("max_explained"): "1000000000"}
            request = partial(lambda body, count: body(orders[:count]), body)
            found[name] = replace(base, name=name, path=path, body=request, variables=variables, expected=expected)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    rounds = parser.parse_args().rounds
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for sizes, numbers in SIZES.items():
            cases = [Case(number) for number in numbers]
            costs = all_costs(list(contestants(sizes, Path(name)).values()), cases, rounds, Path(name))
            for format in ("records", "columns"):
                for explained in EXPLAINED[1:]:
                    for case in cases:
                        with_, without = (costs[case][f"{format}, {each}"] for each in (explained, "none"))
                        added = statistics.median(with_) - statistics.median(without)
                        shown = report.shown(report.ratios(with_, without)), f"{added * 1e6:+.2f} µs"
                        rows.append(["-".join(map(str, sizes)), f"{case.size:,}", format, explained, *shown])
    head = ["network", "orders", "format", "explain", "CPU, without explain = 1", "added to an order"]
    print("", report.table(head, rows), sep="\n")


if __name__ == "__main__":
    main()
