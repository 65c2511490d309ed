"""The cost of exact scoring, of the check for duplicate names, of memory, and of larger batches and models.

`OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.costs` prints it, with the allocator settings of a worker. All times are CPU
times; ratios are medians of rounds in which both sides alternate.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model.artifact import model_file
from model.core.activations import HEADS
from model.core.batch import Batch
from model.core.manifest import Input
from model.core.network import Layer, Network
from model.packaged import packaged_model
from service.server.hooks import keep_memory
from tests.apps import app_of
from tests.benchmarks.bodies import dumps, orders, records
from tests.benchmarks.contestants import OURS
from tests.benchmarks.measuring import Case, measure, started
from tests.deploy.hostile import memory_mib
from tests.integration.load import Load, post
from tests.models import model_of

NETWORKS = ((3, 3, 1), (20, 64, 32, 1), (50, 128, 64, 1))
COUNTS = (1000, 2000, 5000, 10_000)
ROUNDS = 9


def cpu(call: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def ratio(one: Callable[[], object], other: Callable[[], object], times: int) -> tuple[float, float]:
    """CPU seconds of one divided by those of the other, and CPU seconds of one: medians over ROUNDS."""
    one(), other()
    pairs = [(cpu(one, times), cpu(other, times)) for _ in range(ROUNDS)]
    return statistics.median(a / b for a, b in pairs), statistics.median(a for a, _ in pairs)


def network(sizes: tuple[int, ...]) -> Network:
    """A random network with these numbers of inputs and units, and one linear output."""
    draw, activations = np.random.default_rng(0), ["relu"] * (len(sizes) - 2) + ["linear"]
    shapes = zip(sizes[1:], sizes, activations, strict=False)
    return Network([Layer(draw.normal(size=(units, inputs)), draw.normal(size=units), name) for units, inputs, name in shapes])


def exactness() -> None:
    """Compare the engine with a plain matrix product with the same activations."""
    print("| network | rows | engine over plain BLAS | engine, µs |\n|---|---|---|---|")
    for sizes in NETWORKS:
        made = network(sizes)
        for rows, times in ((10_000, 10), (1, 500)):
            x = np.random.default_rng(1).normal(size=(rows, sizes[0]))

            def engine(made: Network = made, x: Any = x) -> object:
                *_, last = made.forward(x)
                return HEADS["sigmoid"](last.activations.T)

            def plain(made: Network = made, x: Any = x) -> object:
                for layer in made.layers[:-1]:
                    x = np.maximum(x @ layer.weights.T + layer.bias, 0.0)
                return 1.0 / (1.0 + np.exp(-(x @ made.layers[-1].weights.T + made.layers[-1].bias)))

            against, seconds = ratio(engine, plain, times)
            print(f"| {'-'.join(map(str, sizes))} | {rows:,} | {against:.1f} | {seconds * 1e6:.0f} |")


def shares() -> None:
    """Print the shares of scoring and of counting colons in a 10,000-order request, without gunicorn."""
    model, app, body = packaged_model(), app_of(), records(10_000)
    batch = Batch([str(number) for number in range(10_000)], np.array(orders(10_000), np.float64))

    def request() -> None:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/score", "SERVER_NAME": "x", "SERVER_PORT": "80"}
        environ |= {"wsgi.url_scheme": "http", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        b"".join(app({**environ, "wsgi.input": io.BytesIO(body)}, lambda *_: io.BytesIO().write))

    scoring, _ = ratio(lambda: model.score(batch), request, 10)
    colons, _ = ratio(lambda: np.count_nonzero(np.frombuffer(body, np.uint8) == ord(":")), request, 10)
    print(f"\nOf a 10,000-order request: exact scoring {scoring:.1%}, the check for duplicate names {colons:.1%}")


def memory() -> None:
    """Print the most memory of a master and two workers while four clients send 10,000 orders each."""
    with started(OURS, workers=2) as runner:
        peak = 0.0
        load = Load(runner.port, post(records(10_000)), 4, lambda mine: mine.sent < 30, fresh=True)
        while load.sent < 4 * 30:
            peak = max(peak, memory_mib(runner.process.pid))
            time.sleep(0.005)
    print(f"\nMemory of a master and two workers (PSS): {peak:.0f} MiB at most")


def growth() -> None:
    """Print the CPU time per order over HTTP, by the number of orders and of features."""
    print("\n| features | 1,000 | 2,000 | 5,000 | 10,000 orders: µs per order |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for features in (3, 6, 12, 24, 48):
            names = [f"f{at}" for at in range(features)]
            file = Path(folder, f"{features}.npz")
            model_file.write(model_of(network((features, 16, 1)), inputs=list(map(Input, names))), file)
            row = {name: at + 0.25 for at, name in enumerate(names)}

            def body(count: int, row: dict[str, float] = row) -> bytes:
                return dumps({"orders": [{"order_id": f"O-{n:06d}", **row} for n in range(count)]})

            with started(replace(OURS, body=body, variables={"DELIVERY_RISK_MODEL": str(file)})) as runner:
                costs = [measure([runner], Case(count), 5, checked=False)[OURS.name] for count in COUNTS]
            print(f"| {features} | {' | '.join(f'{statistics.median(each) * 1e6:.2f}' for each in costs)} |")


def main() -> None:
    keep_memory()
    with np.errstate(over="ignore"):
        exactness()
    shares()
    memory()
    growth()


if __name__ == "__main__":
    main()
