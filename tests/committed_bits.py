"""The exact bits of scores, from the plain-float oracle: `python -m tests.committed_bits` writes them anew.

Weights and orders of three networks come from random.Random(seed).random(), which is the same everywhere. A line of
tests/data/bits/NAME.txt is the logit and the score of one order, in hexadecimal; of goldens.txt it is a golden network's
name and the activations of its last layer, order by order.
"""

import json
import math
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

from tests.facts import DATA
from tests.oracle import PORTABLE, Numbers, PlainLayer, forward, portable_sigmoid, zscores

FOLDER = DATA / "bits"
NETWORKS = {"3-3-1": "relu", "20-64-32-1": "relu", "50-128-64-1": "leaky_relu"}
ORDERS = 1000

Task: TypeAlias = tuple[Numbers, Numbers, list[PlainLayer], list[Numbers]]
"""Mean, scale, layers and orders."""


def network(name: str) -> Task:
    """One of the NETWORKS."""
    draw = random.Random(f"bits of {name}")
    sizes = [int(size) for size in name.split("-")]

    def numbers(count: int, spread: float, centre: float = 0.0) -> list[float]:
        return [centre + spread * (2.0 * draw.random() - 1.0) for _ in range(count)]

    mean, scale = numbers(sizes[0], 5.0), numbers(sizes[0], 1.0, 2.0)
    layers: list[PlainLayer] = [
        ([numbers(inputs, 3.0 / math.sqrt(inputs)) for _ in range(units)], numbers(units, 1.0), NETWORKS[name])
        for inputs, units in pairwise(sizes)
    ]
    layers[-1] = (*layers[-1][:2], "linear")
    return mean, scale, layers, [numbers(sizes[0], 10.0) for _ in range(ORDERS)]


def expected(name: str) -> list[str]:
    """The lines of one network's file, as they stand."""
    return (FOLDER / f"{name}.txt").read_text().splitlines()


def computed(name: str) -> list[str]:
    """The same lines, worked out by the oracle."""
    return [f"{logit.hex()} {portable_sigmoid(logit).hex()}" for (logit,) in _last(*network(name))]


def portable_goldens() -> dict[str, Task]:
    """The networks of forward_pass.json of which the engine promises the bits, as all their activations are portable."""
    found: dict[str, Task] = {}
    for golden in json.loads((FOLDER.parent / "forward_pass.json").read_text())["networks"]:
        layers = [(layer["w"], layer["b"], layer["activation"]) for layer in golden["layers"]]
        if all(activation in PORTABLE for _, _, activation in layers):
            width = len(golden["x"][0])
            mean, scale = golden.get("mean", [0.0] * width), golden.get("scale", [1.0] * width)
            found[golden["name"]] = mean, scale, layers, golden["x"]
    return found


def goldens() -> list[str]:
    """The lines of goldens.txt, worked out by the oracle."""
    lines = []
    for name, task in portable_goldens().items():
        lines.append(" ".join([name, *(float(number).hex() for last in _last(*task) for number in last)]))
    return lines


def _last(mean: Numbers, scale: Numbers, layers: list[PlainLayer], orders: list[Numbers]) -> Iterator[list[float]]:
    for order in orders:
        yield forward(layers, zscores(order, mean, scale), PORTABLE)[-1].activations


if __name__ == "__main__":
    for name, lines in {**{name: computed(name) for name in NETWORKS}, "goldens": goldens()}.items():
        (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")
