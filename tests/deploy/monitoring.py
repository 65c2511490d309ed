"""The service, Prometheus and Alertmanager together, configured by the files of deploy/.

Only intervals and waits (one second), targets and receivers differ from those files. Two replicas, with two workers and with
one, serve a registry with a champion and a challenger; callers need a token.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import yaml

from model import packaged
from model.artifact import model_file
from model.core.manifest import CATEGORY, NONE, Feature, Input
from model.core.network import Layer, Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from model.registry import versions
from tests.bearer_tokens import GOOD, OTHER, line
from tests.deploy.callers import USUAL, orders
from tests.deploy.programs import answering, answers, serving
from tests.facts import ROOT
from tests.servers import SERVE, Client, Server, free_port, running

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
CHAMPION, CHALLENGER = "2", "3"
BASELINE_ORDERS = 20_000

Series = list[dict[str, Any]]
Messages = list[tuple[str, dict[str, Any]]]


@dataclass
class Monitoring:
    """The running replicas, and the Prometheus that scrapes them. `messages` has what Alertmanager sent, with the receiver.

    A run sets the others: alerts firing `in_calm`, orders `answered`, and the time `at` its end, in seconds since 1970.
    """

    replicas: list[Server]
    prometheus: Client
    messages: Messages = field(default_factory=list)
    in_calm: set[str] = field(default_factory=set)
    answered: int = 0
    at: float = 0.0

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer of the HTTP API of Prometheus."""
        return json.loads(self.prometheus.call("GET", f"/api/v1/{path}?{urlencode(parameters)}")[2])["data"]

    def query(self, expression: str) -> Series:
        """The series of an expression at the end of the run."""
        return self.ask("query", query=expression, time=self.at)["result"]

    def curve(self, expression: str, seconds: float) -> Series:
        """The series of an expression in the last seconds of the run."""
        return self.ask("query_range", query=expression, start=self.at - seconds, end=self.at, step=1)["result"]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def notified(self) -> dict[str, str]:
        """The receiver of each alert that was sent as firing, by the name of the alert."""
        return {
            alert["labels"]["alertname"]: receiver
            for receiver, message in list(self.messages)
            for alert in message["alerts"]
            if alert["status"] == "firing"
        }


@contextmanager
def monitored(folder: Path) -> Iterator[Monitoring]:
    """All of it, with its files in this empty directory, until the block ends."""
    with ExitStack() as stack:
        _make_registry(folder)
        (folder / "tokens").write_text(line(GOOD, "score") + line(OTHER, "read", "prometheus"))
        (folder / "token").write_text(OTHER)
        settings = {"MODEL": folder / "models", "TOKENS_FILE": folder / "tokens", "MAX_CONCURRENT": 1}
        given: dict[str, Any] = {f"DELIVERY_RISK_{name}": str(value) for name, value in settings.items()}
        servers = [stack.enter_context(running(**given, DELIVERY_RISK_WORKERS=workers)) for workers in ("2", "1")]
        ports = {"alertmanager": free_port(), "prometheus": free_port()}
        found = Monitoring(servers, Client(ports["prometheus"]))

        def receive(message: BaseHTTPRequestHandler, body: bytes) -> bytes:
            found.messages.append((message.path[1:], json.loads(body)))
            return b""

        _configure_alertmanager(folder, stack.enter_context(answering(receive)))
        _configure_prometheus(folder, ports, servers)
        for name, program, *options in (
            ("alertmanager", "prometheus-alertmanager", f"--storage.path={folder}/alertmanager", "--cluster.listen-address="),
            ("prometheus", "prometheus", f"--storage.tsdb.path={folder}/prometheus", "--rules.alert.resend-delay=1s"),
        ):
            options += [f"--config.file={folder}/{name}.yml", f"--web.listen-address=127.0.0.1:{ports[name]}"]
            ready = partial(answers, ports[name], "/-/ready")
            stack.enter_context(serving(ready, folder / f"{name}.log", program, *options))
        yield found


def _model() -> RiskModel:
    """The packaged model with a carrier, which an order may lack and which its scores do not depend on."""
    made = packaged.packaged_model()
    manifest, standardizer, (first, *others) = made.manifest, made.standardizer, made.network.layers
    described = replace(
        manifest,
        inputs=(*manifest.inputs, Input("carrier", kind=CATEGORY, values=("AA", "UA"), unknown=NONE)),
        features=(*manifest.features, Feature("carrier_AA", "carrier", "is", ("AA",))),
        self_test=replace(manifest.self_test, orders=tuple((*row, "AA") for row in manifest.self_test.orders)),
    )
    numbers = (np.append(standardizer.mean, 0.5), np.append(standardizer.scale, 0.5))
    weights = np.append(first.weights, np.zeros((len(first.weights), 1)), axis=1)
    network = Network([Layer(weights, first.bias, first.activation), *others])
    return RiskModel(described, Standardizer(*numbers, described.feature_names), network)


def _make_registry(folder: Path) -> None:
    """Make a registry with a champion, whose baseline is of usual orders, and a challenger with a higher threshold."""
    made, directory = _model(), folder / "models"
    directory.mkdir()
    (folder / "orders.jsonl").write_text("".join(f"{json.dumps(order)}\n" for order in orders(BASELINE_ORDERS, USUAL, 0)))
    model_file.write(made, folder / "made.npz")
    command = [*SERVE[:1], "model", "card", "made.npz", "--on", "orders.jsonl", "--version", CHAMPION, "--out", "champion.npz"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    changed = replace(made.manifest, version=CHALLENGER, threshold=0.65)
    model_file.write(replace(made, manifest=changed), folder / "challenger.npz")
    for name in ("champion", "challenger"):
        versions.publish(folder / f"{name}.npz", directory)
    versions.promote(CHAMPION, directory)
    versions.challenge(CHALLENGER, directory)


def _configure_prometheus(folder: Path, ports: dict[str, int], replicas: list[Server]) -> None:
    text = (PROMETHEUS / "prometheus.yml").read_text()
    config = yaml.safe_load(text.replace("# authorization:", "authorization:").replace("#   credentials", "  credentials"))
    targets = {name: [f"127.0.0.1:{port}"] for name, port in ports.items()}
    targets["delivery-risk"] = [f"127.0.0.1:{replica.port}" for replica in replicas]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = targets["alertmanager"]
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
    config["scrape_configs"][0]["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "rules").mkdir()
    for path in (PROMETHEUS / "rules").glob("*.yml"):
        shortened = re.sub(r"^( +(?:interval|for)):.*", r"\1: 1s", path.read_text(), flags=re.MULTILINE)
        (folder / "rules" / path.name).write_text(shortened)


def _configure_alertmanager(folder: Path, receiver_port: int) -> None:
    config = yaml.safe_load(ALERTMANAGER.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = urlsplit(hook["url"])._replace(netloc=f"127.0.0.1:{receiver_port}").geturl()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
