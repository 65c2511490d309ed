"""The longest answer while large models are loaded: `python -m tests.benchmarks.promotions [ROUNDS]`.

Two clients score one order again and again, in turn without changes and while every three seconds a model of 80 MB is promoted:
one in place of another, and one that fails its self-test, so that the small model before it stays active.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from model.artifact import model_file
from model.core.risk_model import RiskModel
from model.packaged import packaged_model
from model.registry.references import VersionReference
from tests.benchmarks.costs import network
from tests.integration.load import Load, Outcomes, orders, post
from tests.integration.model_swaps import point
from tests.models import model_of
from tests.servers import running

ROUNDS, SECONDS, EVERY = 5, 13.0, 3.0
_LARGE = (3, 3200, 3200, 1)


def added(registry: Path, version: str, model: RiskModel) -> VersionReference:
    """A reference to this model as a version of the registry, whose self-test need not pass."""
    data = model_file.dumps(replace(model, manifest=replace(model.manifest, name="made", version=version)))
    at = VersionReference(version, f"{version}.npz", hashlib.sha256(data).hexdigest())
    Path(registry, at.file).write_bytes(data)
    return at


def answers(port: int, registry: Path, promoted: Iterator[VersionReference]) -> Outcomes:
    """The outcomes of SECONDS, in which a version is promoted every three seconds until there are no more."""
    end = time.monotonic() + SECONDS
    load = Load(port, post(orders(1)), 2, lambda _: time.monotonic() < end)
    for at in promoted:
        point(registry, at)
        time.sleep(EVERY)
    return load.outcomes()


def main(rounds: int) -> None:
    large = model_of(network(_LARGE), inputs=packaged_model().manifest.inputs)
    failing = replace(large, manifest=replace(large.manifest, self_test=replace(large.manifest.self_test, scores=((0.5,),))))
    print("| promoted | longest without, ms | longest with, ms | p99 without, ms | p99 with, ms |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder)
        small = added(registry, "small", packaged_model())
        first, second = added(registry, "1", large), added(registry, "2", large)
        bad = added(registry, "bad", failing)
        for name, promoted in (("in place of another", [first, second]), ("fails its self-test", [small, bad])):
            point(registry, promoted[0])
            turns = cycle(promoted[::-1])
            with running(DELIVERY_RISK_MODEL=str(registry), WEB_CONCURRENCY="2", DELIVERY_RISK_LOG_LEVEL="error") as server:
                server.all_workers(2)
                for _ in range(rounds):
                    without = answers(server.port, registry, iter(()))
                    found = answers(server.port, registry, islice(turns, 4))
                    times = (each.share(part) * 1000 for part in (1, 0.99) for each in (without, found))
                    assert without.sent + found.sent == without.statuses[200] + found.statuses[200]
                    print(f"| {name} | " + " | ".join(f"{each:.0f}" for each in times) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
