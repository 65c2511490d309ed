"""What a challenger costs the callers: `python -m tests.benchmarks.challenger`.

One worker, one caller who sends 100 orders every 5 ms, in rounds with no challenger, with the champion as its own, with one
that takes ten times as long, and with one that takes hundreds of times as long and drops most batches. A caller sees the
latency; the worker's threads but the challenger's own show the CPU.
"""

import http.client
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from model import packaged
from model.artifact import model_file
from model.core.risk_model import RiskModel
from model.registry import versions
from tests.benchmarks.contestants import JSON, records
from tests.benchmarks.costs import cpu, network
from tests.models import model_of
from tests.servers import Server, running

ORDERS, EVERY, REQUESTS, ROUNDS = 100, 0.005, 400, 9


def publish(directory: Path, model: RiskModel, version: str) -> None:
    with tempfile.TemporaryDirectory() as outside:
        file = Path(outside, "model.npz")
        model_file.write(replace(model, manifest=replace(model.manifest, version=version, name="delivery-risk")), file)
        versions.publish(file, directory)


def tasks(server: Server) -> dict[str, int]:
    """CPU nanoseconds by thread of the one worker."""
    (worker,) = server.workers()
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{worker}/task").iterdir()}


def latencies(server: Server, body: bytes) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    found = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        connection.request("POST", "/score", body, JSON)
        connection.getresponse().read()
        found.append(time.perf_counter() - began)
        time.sleep(max(0.0, EVERY - found[-1]))
    connection.close()
    return found


def main() -> None:
    champion = packaged.packaged_model()
    features = list(champion.manifest.features)
    made = {"same": champion} | {
        name: model_of(network(sizes), features=features)
        for name, sizes in (("slow", (3, 128, 64, 1)), ("hopeless", (3, 1024, 512, 1)))
    }
    body, rows = records(ORDERS), np.random.default_rng(0).uniform(0, 10, (ORDERS, 3))
    alone = cpu(partial(champion.outputs, rows), 50)
    times = {name: cpu(partial(model.outputs, rows), 20) / alone for name, model in made.items()}
    spent: dict[str, list[Counter[str]]] = defaultdict(list)
    waited: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for version, model in {"1": champion, **made}.items():
            publish(Path(folder), model, version)
        versions.promote("1", folder)
        with running(DELIVERY_RISK_MODEL=folder, WEB_CONCURRENCY="1", DELIVERY_RISK_LOG_LEVEL="error") as server:
            server.all_workers(1)
            latencies(server, body)
            for _ in range(ROUNDS):
                for challenger in random.sample((None, *made), 1 + len(made)):
                    versions.challenge(challenger, folder)
                    time.sleep(3)  # until the batches of the one before are done
                    before = tasks(server)
                    found = latencies(server, body)
                    deltas = Counter(tasks(server))
                    deltas.subtract(before)
                    name = version or "none"
                    waited[name] += found
                    spent[name].append(deltas)
            counts = {k: v for k, v in server.metrics().items() if "challenger_batches_total{" in k}
    resting = set.intersection(*({task for task, delta in deltas.items() if delta > 0} for deltas in spent["none"]))
    print("| challenger | its time to the champion's | p50, ms | p99, ms | CPU µs a request, but the challenger's |")
    print("|---|---|---|---|---|")
    for name in ("none", *made):
        ordered = sorted(waited[name])
        others = [sum(delta for task, delta in deltas.items() if task in resting) / REQUESTS / 1000 for deltas in spent[name]]
        p50, p99 = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
        print(f"| {name} | {times.get(name, 0):.0f} | {p50 * 1000:.2f} | {p99 * 1000:.2f} | {statistics.median(others):.0f} |")
    print(counts)


if __name__ == "__main__":
    main()
