"""A registry that is swapped and broken, and clients that check every answer against the version it names."""

import hashlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

from model.artifact import model_file
from model.core.manifest import Input, Manifest
from model.core.network import Network
from model.core.risk_model import RiskModel
from model.registry import references
from model.registry.references import VersionReference
from tests import oracle
from tests.integration import load
from tests.model_files import with_manifest
from tests.models import layer, model_of, plain
from tests.registries import refer
from tests.servers import Server

KINDS = (("speed", "load"), ("load", "distance", "rain"))
ORDERS = 5
WORKERS = 2
CHAMPION = 'delivery_risk_model_info{name="made",role="champion"'


def values(kind: int) -> list[list[float]]:
    """The orders that clients send to versions with these features."""
    draw = random.Random(kind)
    return [[draw.uniform(-3, 3) for _ in KINDS[kind]] for _ in range(ORDERS)]


def request(kind: int, *headers: str) -> bytes:
    orders = [{"order_id": f"o{at}", **dict(zip(KINDS[kind], row, strict=True))} for at, row in enumerate(values(kind))]
    return load.post(json.dumps({"orders": orders}).encode(), *headers)


def errors(kind: int) -> set[tuple[str, str]]:
    """The errors, by pointer and code, of orders of this kind sent to a version of the other."""
    sent, served = set(KINDS[kind]), set(KINDS[1 - kind])
    codes = dict.fromkeys(served - sent, "missing") | dict.fromkeys(sent - served, "unknown_name")
    return {(f"/orders/{at}/{name}", code) for at in range(ORDERS) for name, code in codes.items()}


@dataclass(frozen=True)
class Known:
    """A version and the scores it must answer to orders of its kind."""

    kind: int
    at: VersionReference
    threshold: float
    scores: list[float]


def version(number: int) -> RiskModel:
    """A valid version: each has other weights and another threshold."""
    draw, features = random.Random(f"version {number}"), KINDS[number % 2]
    network = Network([layer([[draw.uniform(-1, 1) for _ in features]], [draw.uniform(-1, 1)])])
    made = model_of(network, threshold=0.3 + number / 1000, inputs=list(map(Input, features)))
    return replace(made, manifest=replace(made.manifest, version=str(number)))


def publish(registry: Path, number: int) -> Known:
    """Write the version of this number, of one kind or the other, and work out its scores."""
    kind, model, file = number % 2, version(number), f"{number}.npz"
    written = model_file.write(model, registry / file)
    layers = plain(model.network)
    logits = [oracle.forward(layers, row, oracle.PORTABLE)[-1].activations[0] for row in values(kind)]
    scores = [oracle.portable_sigmoid(logit) for logit in logits]
    return Known(kind, VersionReference(str(number), file, str(written.sha256)), model.manifest.threshold, scores)


def _file(content: Callable[[RiskModel], bytes]) -> Callable[[Path, int], None]:
    """Publish an invalid file under its true digest, and refer to it."""

    def publish(registry: Path, number: int) -> None:
        data = content(version(number))
        (registry / "bad.npz").write_bytes(data)
        refer(registry, VersionReference(str(number), "bad.npz", hashlib.sha256(data).hexdigest()))

    return publish


def _manifest(other: Callable[[Manifest], Manifest]) -> Callable[[Path, int], None]:
    return _file(lambda model: model_file.dumps(replace(model, manifest=other(model.manifest))))


def _pipe(registry: Path, number: int) -> None:
    if not (registry / "pipe.npz").exists():
        os.mkfifo(registry / "pipe.npz")
    refer(registry, VersionReference(str(number), "pipe.npz", "0" * 64))


def _text(content: bytes) -> Callable[[Path, int], object]:
    return lambda registry, number: (registry / references.CURRENT).write_bytes(content)


BROKEN: dict[str, Callable[[Path, int], object]] = {
    "a file cut short": _file(lambda model: model_file.dumps(model)[:-30]),
    "an empty file": _file(lambda model: b""),
    "no zip": _file(lambda model: b"\x80\x04\x95" + bytes(500)),
    "another self-test": _manifest(lambda found: replace(found, self_test=replace(found.self_test, scores=((0.123,),)))),
    "another head": _manifest(lambda found: replace(found, head="identity")),
    "a later format": _file(lambda model: with_manifest({"format": 3, "layers": []}, model_file.dumps(model))),
    "another version": _manifest(lambda found: replace(found, version="x")),
    "another digest": lambda registry, number: refer(registry, VersionReference("0", "0.npz", "0" * 64)),
    "no file": lambda registry, number: refer(registry, VersionReference("none", "none.npz", "0" * 64)),
    "a pipe": _pipe,
    "a reference that is not JSON": _text(b"{\xff"),
    "an empty reference": _text(b""),
    "a reference to another directory": _text(b'{"version": "0", "file": "../0.npz", "sha256": "%s"}' % (b"0" * 64)),
}


def seconds_until_all_serve(server: Server, version: str) -> float:
    """The seconds from now until every worker reports that it serves the version."""
    began = time.monotonic()
    while True:
        served = {name: value for name, value in server.metrics().items() if name.startswith(CHAMPION)}
        if sum(served.values()) == WORKERS and all(f'version="{version}"' in name for name in served):
            return time.monotonic() - began
        assert time.monotonic() - began < 20, (version, served, server.log()[-2000:])
        time.sleep(0.02)


class Client(threading.Thread):
    """Sends orders of both kinds on a kept connection until it is stopped, and counts the outcomes.

    Each request has these headers. After each answer the client waits for `pause` seconds.
    """

    def __init__(self, port: int, known: Mapping[str, Known], seed: int, *headers: str, pause: float = 0.0) -> None:
        super().__init__(daemon=True)
        self._port, self._known, self._draw = port, known, random.Random(seed)
        self._headers, self._pause = headers, pause
        self.outcomes: Counter[str] = Counter()
        self.lost_at: list[float] = []
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self.stopped = False
        self.start()

    def run(self) -> None:
        requests = [request(kind, *self._headers) for kind in range(len(KINDS))]
        connection = load.Connection(self._port)
        while not self.stopped:
            time.sleep(self._pause)
            kind, path = self._draw.randrange(len(KINDS)), "/score"
            if self._draw.random() < 0.05:
                path = self._draw.choice(["/model", "/openapi.json"])
            begun = time.monotonic()
            try:
                status, _, content = connection.ask(requests[kind] if path == "/score" else load.get(path, *self._headers))
                document = json.loads(content)
            except (OSError, HTTPException, ValueError):
                self.lost_at.append(time.monotonic())
                continue
            self.seconds.append(time.monotonic() - begun)
            outcome = str(status) if status >= 500 else self._outcome(path, kind, status, document)
            self.outcomes[outcome] += 1
            if outcome == "wrong":
                self.wrong.append(content.decode()[:500])
        connection.close()

    def _outcome(self, path: str, kind: int, status: int, document: dict) -> str:
        """What an answer below 500 is, or "wrong" unless all of it belongs to one version."""
        if path == "/openapi.json":
            known = self._known[document["info"]["description"].removesuffix(".").rpartition(" ")[2]]
            fields = set(document["components"]["schemas"]["Order"]["properties"]) - {"order_id"}
            return "read" if fields == set(KINDS[known.kind]) else "wrong"
        if status == 422:
            found = {(error["pointer"], error["code"]) for error in document["errors"]}
            return "rejected" if found == errors(kind) else "wrong"
        if status != 200 or document["model_version"] not in self._known:
            return "wrong"
        known = self._known[document["model_version"]]
        if (document["model_sha256"], document["threshold"]) != (known.at.sha256, known.threshold):
            return "wrong"
        if path == "/model":
            names = tuple(feature["name"] for feature in document["features"])
            served = document["lineup"]["champion"]["served"]["sha256"]
            return "read" if (names, served) == (KINDS[known.kind], known.at.sha256) else "wrong"
        expected = [(score, "review" if score >= known.threshold else "monitor") for score in known.scores]
        right = known.kind == kind and [(row["score"], row["queue"]) for row in document["results"]] == expected
        return "scored" if right else "wrong"
