"""An input is added to a model and taken away again, while clients change their orders one after the other."""

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPException

import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.core.network import Network
from model.registry import versions
from tests import oracle
from tests.integration import load
from tests.integration.model_swaps import WORKERS, seconds_until_all_serve
from tests.models import layer, model_of, plain
from tests.servers import SERVE, running, until

BEFORE, AFTER = ("speed", "load"), ("speed", "load", "rain")
DRAW = random.Random(0)
ORDERS = [{"order_id": f"o{number}", **{name: DRAW.uniform(-3, 3) for name in AFTER}} for number in range(5)]
LATER = 10
"""After so many further answers to each client, a client or the model changes again."""
PAUSE = 0.005


def sent(names):
    """The orders of clients that send inputs with these names."""
    return [{name: order[name] for name in ("order_id", *names)} for order in ORDERS]


def made(version, names, missing=None, also_accepts=()):
    """A version that takes these inputs, the last of which an order may lack where something is `missing`."""
    draw = random.Random(version)
    network = Network(
        [
            layer([[draw.uniform(-1, 1) for _ in names] for _ in range(4)], [draw.uniform(-1, 1)] * 4, "relu"),
            layer([[draw.uniform(-1, 1) for _ in range(4)]], [0.1]),
        ]
    )
    inputs = [*map(Input, names[:-1]), Input(names[-1], missing=missing)]
    mean, scale = ([draw.uniform(0.5, 2) for _ in names] for _ in range(2))
    found = model_of(network, mean, scale, threshold=draw.uniform(0.3, 0.6), inputs=inputs)
    return replace(found, manifest=replace(found.manifest, version=version, also_accepts=also_accepts))


def results(model, names):
    """The score and the queue that this model gives each order of clients that send these names, by the oracle."""
    found = []
    for order in sent(names):
        row = [order.get(each.name, each.missing) for each in model.manifest.inputs]
        z = oracle.zscores(row, model.standardizer.mean.tolist(), model.standardizer.scale.tolist())
        score = oracle.portable_sigmoid(oracle.forward(plain(model.network), z, oracle.PORTABLE)[-1].activations[0])
        found.append((score, "review" if score >= model.manifest.threshold else "monitor"))
    return found


class Client(threading.Thread):
    """Sends the orders with the inputs in `names` until it is stopped, and counts what becomes of them.

    An answer counts by the number of names and the version, if that is one of those in `served` meanwhile and each score and
    queue is that of `known`.
    """

    def __init__(self, port: int, known: dict[tuple[Sequence[str], str], list], served: list[str]) -> None:
        super().__init__(daemon=True)
        self._port, self._known, self._served = port, known, served
        self.names, self.stopped = BEFORE, False
        self.outcomes: Counter = Counter()
        self.start()

    def run(self) -> None:
        connection = load.Connection(self._port)
        while not self.stopped:
            time.sleep(PAUSE)
            names, served = self.names, set(self._served)
            try:
                status, _, content = connection.ask(load.post(json.dumps({"orders": sent(names)}).encode()))
            except (OSError, HTTPException) as error:
                self.outcomes[repr(error)] += 1
                continue
            answer = json.loads(content)
            version = answer.get("model_version")
            found = [(row["score"], row["queue"]) for row in answer.get("results", ())]
            right = version in served.union(self._served) and found == self._known[names, version]
            self.outcomes[(len(names), version) if right else (status, content.decode()[:500])] += 1
        connection.close()

    @property
    def ended(self) -> int:
        """The number of requests that have ended."""
        return self.outcomes.total()


@pytest.mark.parametrize(("count", "rounds"), [(4, 1), pytest.param(8, 12, marks=pytest.mark.long)], ids=["short", "long"])
def test_an_input_is_added_and_taken_away_under_load_and_every_order_gets_a_score_of_its_version(tmp_path, count, rounds):
    registry, known, served = tmp_path / "models", {}, ["0"]
    registry.mkdir()

    def publish(model, *sent):
        model_file.write(model, tmp_path / "new.npz")
        versions.publish(tmp_path / "new.npz", registry)
        known.update({(names, model.manifest.version): results(model, names) for names in sent})

    def delivery_risk(*arguments):
        subprocess.run([SERVE[0], "model", *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    publish(made("0", BEFORE), BEFORE)
    versions.promote("0", registry)
    with running(DELIVERY_RISK_MODEL=str(registry), WEB_CONCURRENCY=str(WORKERS), **load.ROOM) as server:
        seconds_until_all_serve(server, "0")
        clients = [Client(server.port, known, served) for _ in range(count)]

        def go_on():
            targets = [client.ended + LATER for client in clients]
            assert until(lambda: all(client.ended >= target for client, target in zip(clients, targets, strict=True)))

        def promote(version):
            served.append(version)
            versions.promote(version, registry)
            seconds_until_all_serve(server, version)
            del served[:-1]
            go_on()

        def change(changed, names):
            for client in changed:
                client.names = names
                go_on()

        for number in range(1, rounds + 1):
            accepting = f"{number}.1"
            known.update({(names, accepting): known[BEFORE, served[0]] for names in (BEFORE, AFTER)})
            delivery_risk("accept", "rain", "models", "--version", accepting, "--out", f"{accepting}.npz")
            delivery_risk("publish", f"{accepting}.npz", "--to", "models")
            promote(accepting)
            change(clients[::2], AFTER)
            publish(made(f"{number}.2", AFTER, missing=0.75), BEFORE, AFTER)
            promote(f"{number}.2")
            change(clients[1::2], AFTER)
            publish(made(f"{number}.3", AFTER), AFTER)
            promote(f"{number}.3")
            publish(made(f"{number}.4", BEFORE, also_accepts=("rain",)), BEFORE, AFTER)
            promote(f"{number}.4")
            change(clients, BEFORE)
            publish(made(f"{number}.5", BEFORE), BEFORE)
            promote(f"{number}.5")
        for client in clients:
            client.stopped = True
            client.join(30)
        counted = [name for name, value in server.metrics().items() if value and 'route="/score"' in name]
    outcomes = sum((client.outcomes for client in clients), Counter())
    assert outcomes.keys() == {(len(names), version) for names, version in known}, outcomes
    assert {name.split('status="')[1][:3] for name in counted} == {"200"}
