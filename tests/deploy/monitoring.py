"""The service, Prometheus and Alertmanager together, as deploy/ configures them.

What is changed of the committed files: intervals and waits become a second, and targets and receivers become those of the test.
Two replicas, of two workers and of one, serve a store with a champion and a challenger to those who have a token.
"""

import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from model import packaged
from model.artifact import model_file
from model.registry import versions
from tests.bearer_tokens import GOOD, OTHER, line
from tests.deploy.crowd import FEATURES, USUAL, orders
from tests.deploy.programs import serving
from tests.facts import ROOT
from tests.servers import SERVE, Server, free_port, running

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
CHAMPION, CHALLENGER = "2", "3"
REFERENCE_ORDERS = 20_000

Series = list[dict[str, Any]]


@dataclass
class Watched:
    """The running replicas, and the Prometheus that scrapes them. `messages` are what Alertmanager sent, by receiver."""

    replicas: list[Server]
    url: str
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer of Prometheus's HTTP API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str, at: float | None = None) -> Series:
        """The series of an expression now, or at a time in seconds since 1970."""
        found = self.ask("query", query=expression, **({} if at is None else {"time": at}))
        return found["result"]

    def curve(self, expression: str, start: float, end: float, step: float = 1.0) -> Series:
        """The series of an expression over a time."""
        return self.ask("query_range", query=expression, start=start, end=end, step=step)["result"]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with how it fares."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def told(self) -> dict[str, str]:
        """The receiver of each alert that has reached one as firing, by the alert's name."""
        return {
            alert["labels"]["alertname"]: receiver
            for receiver, message in list(self.messages)
            for alert in message["alerts"]
            if alert["status"] == "firing"
        }


@dataclass(frozen=True)
class Watch:
    """What a run has shown: the alerts `in_calm`, those `told` by a receiver, orders `answered`, and when it was over."""

    watched: Watched
    in_calm: set[str]
    told: dict[str, str]
    answered: int
    at: float


@contextmanager
def watched(place: Path) -> Iterator[Watched]:
    """All of it, with its files in this empty directory, until the block ends."""
    with ExitStack() as stack:
        _make_store(place)
        (place / "tokens").write_text(line(GOOD, "score") + line(OTHER, "read", "prometheus"))
        (place / "token").write_text(OTHER)
        settings = {"MODEL": place / "models", "TOKENS_FILE": place / "tokens", "MAX_CONCURRENT": 1}
        given: dict[str, Any] = {f"DELIVERY_RISK_{name}": str(value) for name, value in settings.items()}
        servers = [stack.enter_context(running(**given, DELIVERY_RISK_WORKERS=workers)) for workers in ("2", "1")]
        targets = [f"127.0.0.1:{server.port}" for server in servers]
        found = Watched(servers, f"http://127.0.0.1:{free_port()}")
        webhook = stack.enter_context(_receiving(found.messages))
        alertmanager = f"127.0.0.1:{free_port()}"
        config = _alertmanager(place / "alertmanager.yml", webhook)
        stack.enter_context(
            serving(
                f"http://{alertmanager}/-/ready",
                place / "alertmanager.log",
                "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={place / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            serving(
                f"{found.url}/-/ready",
                place / "prometheus.log",
                "prometheus",
                f"--config.file={_prometheus(place, found.url, alertmanager, targets)}",
                f"--storage.tsdb.path={place / 'prometheus'}",
                "--rules.alert.resend-delay=1s",
                f"--web.listen-address={found.url.removeprefix('http://')}",
            )
        )
        yield found


def _make_store(place: Path) -> None:
    """A store with a champion, whose reference is of usual orders, and a challenger with a higher threshold."""
    made, directory = packaged.packaged_model(), place / "models"
    directory.mkdir()
    batch = orders(REFERENCE_ORDERS, USUAL, 0)
    rows = [",".join(map(str, (order_id, *row))) for order_id, row in zip(batch.ids, batch.matrix.tolist(), strict=True)]
    (place / "orders.csv").write_text("\n".join([",".join(("order_id", *FEATURES)), *rows, ""]))
    model_file.write(made, place / "made.npz")
    command: list[str | Path] = [
        SERVE[0],
        "model",
        "card",
        place / "made.npz",
        "--on",
        place / "orders.csv",
        "--version",
        CHAMPION,
    ]
    subprocess.run([*command, "--out", place / "carded.npz"], check=True, capture_output=True)
    versions.publish(place / "carded.npz", directory)
    tried = replace(made, manifest=replace(made.manifest, version=CHALLENGER, threshold=0.65))
    model_file.write(tried, place / "tried.npz")
    versions.publish(place / "tried.npz", directory)
    versions.promote(CHAMPION, directory)
    versions.challenge(CHALLENGER, directory)


def _prometheus(place: Path, itself: str, alertmanager: str, targets: list[str]) -> Path:
    text = (PROMETHEUS / "prometheus.yml").read_text()
    closed = text.replace("# authorization:", "authorization:").replace("#   credentials_file:", "  credentials_file:")
    config = yaml.safe_load(closed)
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    addresses = {"delivery-risk": targets, "prometheus": [urllib.parse.urlsplit(itself).netloc], "alertmanager": [alertmanager]}
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": addresses[job["job_name"]]}]
    config["scrape_configs"][0]["authorization"]["credentials_file"] = str(place / "token")
    (place / "rules").mkdir()
    for path in (PROMETHEUS / "rules").glob("*.yml"):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = "1s"
        (place / "rules" / path.name).write_text(yaml.safe_dump(rules))
    (place / "prometheus.yml").write_text(yaml.safe_dump(config))
    return place / "prometheus.yml"


def _alertmanager(path: Path, webhook: int) -> Path:
    config = yaml.safe_load(ALERTMANAGER.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = urllib.parse.urlsplit(hook["url"])._replace(netloc=f"127.0.0.1:{webhook}").geturl()
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def _receiving(messages: list[tuple[str, dict[str, Any]]]) -> Iterator[int]:
    """The port of a receiver that keeps what is sent to it."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages.append((self.path.removeprefix("/"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
