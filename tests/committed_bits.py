"""The exact bits of scores and contributions, from the plain-float oracle: `python -m tests.committed_bits` writes them anew.

Weights and orders of a network of each portable activation come from random.Random(seed).random(), which is the same
everywhere. A line of tests/data/bits/NAME.txt is the logit and the score of one order, in hexadecimal. One of
NAME.contributions.txt is the contribution of each feature.
"""

import math
import random
from itertools import pairwise

from tests.facts import DATA
from tests.oracle import PORTABLE, Numbers, PlainLayer, forward, portable_contributions, portable_sigmoid, zscores

FOLDER = DATA / "bits"
NETWORKS = {"3-3-1": "relu", "20-64-32-1": "relu", "50-128-64-1": "leaky_relu", "9-16-1": "sigmoid", "9-17-1": "softmax"}
ORDERS = 1000
EXPLAINED = {"3-3-1": 100, "20-64-32-1": 40, "50-128-64-1": 10}
"""The number of orders whose contributions are in a file."""


def network(name: str) -> tuple[Numbers, Numbers, list[PlainLayer], list[list[float]]]:
    """Mean, scale, layers and orders of one of the NETWORKS."""
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
    mean, scale, layers, orders = network(name)
    lasts = (forward(layers, zscores(order, mean, scale), PORTABLE)[-1].activations for order in orders)
    return [f"{logit.hex()} {portable_sigmoid(logit).hex()}" for (logit,) in lasts]


def expected_contributions(name: str) -> list[str]:
    """The lines of the contributions of one network, as they are in its file."""
    return (FOLDER / f"{name}.contributions.txt").read_text().splitlines()


def computed_contributions(name: str) -> list[str]:
    """The same lines, computed by the oracle."""
    mean, scale, layers, orders = network(name)
    rows = (portable_contributions(layers, zscores(order, mean, scale)) for order in orders[: EXPLAINED[name]])
    return [" ".join(one.hex() for one in row) for row in rows]


if __name__ == "__main__":
    for name in NETWORKS:
        (FOLDER / f"{name}.txt").write_text("\n".join(computed(name)) + "\n")
    for name in EXPLAINED:
        (FOLDER / f"{name}.contributions.txt").write_text("\n".join(computed_contributions(name)) + "\n")
