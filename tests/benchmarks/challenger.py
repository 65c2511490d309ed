"""The cost of a challenger for callers: `python -m tests.benchmarks.challenger`.

One worker gets 100 orders every 5 ms, in rounds without a challenger, with the champion as challenger, with one that takes ten
times as long, and with one that takes hundreds of times as long and drops most batches. Measured are the latency, and the CPU
time of all threads of the worker except the challenger's.
"""

import random
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from model.artifact import model_file
from model.packaged import packaged_model
from model.registry import versions
from tests.benchmarks.bodies import records
from tests.benchmarks.costs import cpu, network
from tests.integration.load import Connection, Outcomes, post
from tests.models import model_of
from tests.servers import Server, running

ORDERS, EVERY, REQUESTS, ROUNDS = 100, 0.005, 400, 9


def tasks(server: Server) -> dict[str, int]:
    """CPU nanoseconds by thread of the one worker."""
    (worker,) = server.workers()
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{worker}/task").iterdir()}


def latencies(server: Server, body: bytes) -> list[float]:
    found, connection, request = Outcomes(), Connection(server.port), post(body)
    for _ in range(REQUESTS):
        found.ask(connection, request)
        time.sleep(max(0.0, EVERY - found.seconds[-1]))
    connection.close()
    return found.seconds


def main() -> None:
    champion = packaged_model()
    models = {"same": champion}
    for name, sizes in (("slow", (3, 128, 64, 1)), ("hopeless", (3, 1024, 512, 1))):
        models[name] = model_of(network(sizes), inputs=champion.manifest.inputs)
    body, rows = records(ORDERS), np.random.default_rng(0).uniform(0, 10, (ORDERS, 3))
    alone = cpu(partial(champion.outputs, rows), 50)
    times = {name: cpu(partial(model.outputs, rows), 20) / alone for name, model in models.items()}
    spent: dict[str, list[dict[str, int]]] = defaultdict(list)
    waited: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder, "models")
        registry.mkdir()
        for version, model in {"1": champion, **models}.items():
            manifest = replace(model.manifest, version=version, name="delivery-risk")
            model_file.write(replace(model, manifest=manifest), Path(folder, "model.npz"))
            versions.publish(Path(folder, "model.npz"), registry)
        versions.promote("1", registry)
        with running(DELIVERY_RISK_MODEL=str(registry), WEB_CONCURRENCY="1", DELIVERY_RISK_LOG_LEVEL="error") as server:
            server.all_workers(1)
            latencies(server, body)
            for _ in range(ROUNDS):
                for name in random.sample(("none", *models), 1 + len(models)):
                    versions.challenge(None if name == "none" else name, registry)
                    time.sleep(3)  # until the batches of the one before are done
                    before = tasks(server)
                    found = latencies(server, body)
                    waited[name] += found
                    spent[name].append({task: now - before.get(task, 0) for task, now in tasks(server).items()})
            counts = {k: v for k, v in server.metrics().items() if "challenger_batches_total{" in k}
    resting = set.intersection(*({task for task, delta in deltas.items() if delta > 0} for deltas in spent["none"]))
    print("| challenger | its time, champion = 1 | p50, ms | p99, ms | CPU µs per request, without the challenger |")
    print("|---|---|---|---|---|")
    for name in ("none", *models):
        ordered = sorted(waited[name])
        others = [sum(delta for task, delta in deltas.items() if task in resting) / REQUESTS / 1000 for deltas in spent[name]]
        p50, p99 = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
        print(f"| {name} | {times.get(name, 0):.0f} | {p50 * 1000:.2f} | {p99 * 1000:.2f} | {statistics.median(others):.0f} |")
    print(counts)


if __name__ == "__main__":
    main()
