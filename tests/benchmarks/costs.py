"""What things cost, with memory kept as a worker keeps it: exactness, the test for names given twice, memory, and growth.

`OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.costs` prints it. All by CPU time; ratios are medians of rounds in which
both sides take turns.
"""

import http.client
import io
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from model.artifact import model_file
from model.core.activations import HEADS
from model.core.manifest import Feature
from model.core.network import Layer, Network
from model.registry import loader
from schemas.formats.table import BatchDecoder
from schemas.validation import BatchValidator
from service import config
from service.server import application
from tests.apps import app_of
from tests.benchmarks.contestants import JSON, OURS, Contestant, dumps, records
from tests.benchmarks.run import Runner, tree
from tests.models import model_of

NETWORKS = ((3, 3, 1), (20, 64, 32, 1), (50, 128, 64, 1))
ROUNDS = 9


def cpu(call: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def ratio(one: Callable[[], object], other: Callable[[], object], times: int) -> tuple[float, float]:
    """CPU of the one over that of the other, and CPU seconds of the one: medians of ROUNDS."""
    one(), other()
    pairs = [(cpu(one, times), cpu(other, times)) for _ in range(ROUNDS)]
    return statistics.median(a / b for a, b in pairs), statistics.median(a for a, _ in pairs)


def network(sizes: tuple[int, ...]) -> Network:
    draw = np.random.default_rng(0)
    shapes = list(pairwise(sizes))
    last = len(shapes) - 1
    return Network(
        [
            Layer(draw.normal(size=(units, inputs)), draw.normal(size=units), "linear" if at == last else "relu")
            for at, (inputs, units) in enumerate(shapes)
        ]
    )


def exactness() -> None:
    """The engine against a plain matrix product with the same activations."""
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
    """What scoring, and counting colons, take of a 10,000-order request, within the process, without gunicorn's part."""
    settings = config.load({})
    model = loader.load(settings.model)
    app = app_of()
    decoder = BatchDecoder(BatchValidator(model.manifest.feature_names, settings.max_orders))
    body = records(10_000)
    _, decoded = decoder.decode("application/json", body)

    def request() -> None:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/score", "SERVER_NAME": "x", "SERVER_PORT": "80"}
        environ |= {"wsgi.url_scheme": "http", "CONTENT_TYPE": JSON["Content-Type"], "CONTENT_LENGTH": str(len(body))}
        b"".join(app({**environ, "wsgi.input": io.BytesIO(body)}, lambda *_: lambda _: None))

    scoring, _ = ratio(lambda: model.score(decoded.batch), request, 10)
    colons, _ = ratio(lambda: np.count_nonzero(np.frombuffer(body, np.uint8) == ord(":")), request, 10)
    print(f"\nOf a 10,000-order request: exact scoring {scoring:.1%}, looking for names given twice {colons:.1%}")


def memory() -> None:
    """Of a master and two workers: at rest, and the highest sum while four clients send 10,000 orders each, again and again."""
    command = ["2" if part == "1" else part for part in OURS]
    runner = Runner(Contestant("two workers", command, records, list, variables={"DELIVERY_RISK_MAX_CONCURRENT": "4"}), Path())
    port = runner.connection.port
    try:
        time.sleep(1)
        idle, peak = _pss(runner.process.pid), [0.0]
        senders = [threading.Thread(target=_send, args=(port, 30)) for _ in range(4)]
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            peak.append(_pss(runner.process.pid))
            time.sleep(0.005)
    finally:
        runner.stop()
    print(f"\nMemory of a master and two workers (PSS): idle {idle:.0f} MiB, peak {max(peak):.0f} MiB")


def _pss(pid: int) -> float:
    rollups = "".join(Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid))
    return sum(int(line.split()[1]) for line in rollups.splitlines() if line.startswith("Pss:")) / 1024


def _send(port: int, times: int) -> None:
    body = records(10_000)
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/score", body, JSON)
        connection.getresponse().read()
        connection.close()


def growth() -> None:
    """CPU an order over HTTP, by orders and by features."""
    print("\n| features | 1,000 | 2,000 | 5,000 | 10,000 orders: µs an order |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for features in (3, 6, 12, 24, 48):
            names = [f"f{at}" for at in range(features)]
            file = Path(folder, f"{features}.npz")
            model_file.write(model_of(network((features, 16, 1)), features=list(map(Feature, names))), file)
            row = {name: at + 0.25 for at, name in enumerate(names)}

            def body(count: int, row: dict[str, float] = row) -> bytes:
                return dumps({"orders": [{"order_id": f"O-{n:06d}", **row} for n in range(count)]})

            contestant = Contestant(str(features), OURS, body, list, variables={"DELIVERY_RISK_MODEL": str(file)})
            runner = Runner(contestant, Path())
            try:
                cells = [f"{_an_order(runner, count) * 1e6:.2f}" for count in (1000, 2000, 5000, 10_000)]
            finally:
                runner.stop()
            print(f"| {features} | {' | '.join(cells)} |")


def _an_order(runner: Runner, count: int) -> float:
    costs = []
    times = max(8, 40_000 // count)
    runner.ask(count)
    for _ in range(5):
        before = runner.cpu()
        for _ in range(times):
            runner.ask(count)
        costs.append((runner.cpu() - before) / times / count)
    return statistics.median(costs)


def main() -> None:
    application.keep_memory()
    with np.errstate(over="ignore"):
        exactness()
    shares()
    memory()
    growth()


if __name__ == "__main__":
    main()
