"""Everything at once: `python -m tests.deploy.everything [MINUTES]`.

Polite clients score orders through nginx and check each answer against the version that it names. Meanwhile hostile clients of
all kinds come from another address. A worker is killed every five seconds; every three a version is promoted and the tokens
file is replaced; the service is scraped every second. In the middle nobody reads the log for 30 seconds, then no process can be
forked for 10. Exits with 1 if an answer was wrong or a 500, if more than one in a thousand was a 503, if a counter fell, or if
the memory at the end is more than 8 MiB for each worker over that at rest.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import click

from tests.bearer_tokens import GOOD, OTHER, line, replace
from tests.control_groups import control_group
from tests.deploy.hostile import TOKEN, attacks, memory_mib, times
from tests.deploy.nginx import running_nginx
from tests.integration.load import Outcomes
from tests.integration.model_swaps import Client, Known, point, publish
from tests.servers import Server, serving, until

CLIENTS, WORKERS = 4, 4
PAUSE_SECONDS, CALM_SECONDS, BLOCKED_SECONDS, UNFORKED_SECONDS = 0.02, 30, 30, 10
_SHOWN = tuple(f"delivery_risk_{name}" for name in ("workers", "log_lines_dropped", "requests_overdue", "requests_shed"))
_COUNTERS = ("_total", "_count", "_bucket", "_sum")


class Log:
    """Reads the log of a service from a pipe, except while it is `blocked`, and counts the messages."""

    def __init__(self) -> None:
        self._begin, self.end = os.pipe()
        self.blocked = False
        self.messages: Counter[str] = Counter()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with open(self._begin, "rb") as lines:
            for text in lines:
                with suppress(ValueError):
                    self.messages[json.loads(text)["message"]] += 1
                while self.blocked:
                    time.sleep(0.1)


class Scraper:
    """Scrapes a service, and counts by how many samples of counters fell from one scrape to the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.last: dict[str, float] = {}
        self.fell: Counter[str] = Counter()

    def scrape(self) -> None:
        for name, value in self._server.metrics().items():
            if name.partition("{")[0].endswith(_COUNTERS):
                self.fell[name] += value < self.last.get(name, 0.0)
                self.last[name] = value


class Repeated:
    """Does something every so many seconds until it is stopped; counts how often it was done, and its errors."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self._seconds, self._act, self._stop = seconds, act, threading.Event()
        self.outcomes: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._act()
                self.outcomes["done"] += 1
            except Exception as error:
                self.outcomes[repr(error)[:200]] += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def polite(port: int, known: Mapping[str, Known]) -> Iterator[list[Client]]:
    """Clients that are stopped at the end of the block."""
    clients = [Client(port, known, seed, TOKEN, pause=PAUSE_SECONDS) for seed in range(CLIENTS)]
    try:
        yield clients
    finally:
        for client in clients:
            client.stopped = True
        for client in clients:
            client.join(60)


def seconds_of(clients: list[Client]) -> Outcomes:
    return Outcomes(seconds=[second for client in clients for second in client.seconds])


def fork_nothing(server: Server, seconds: float) -> None:
    """Let the master and its workers fork nothing and start no thread for some seconds."""
    with control_group("pids", f"delivery-risk-{server.port}", (server.process.pid, *server.workers())) as limit:
        assert limit is not None, "no control group can be made"
        limit.write_text("1")
        time.sleep(seconds)
        limit.write_text("max")


@contextmanager
def changes(folder: Path, known: Mapping[str, Known], scraper: Scraper) -> Iterator[dict[str, Repeated]]:
    """Promotions, rotations of the tokens file and scrapes, to the end of the block."""
    draw = random.Random(0)
    repeated = {
        "promotions": Repeated(3, lambda: point(folder, draw.choice(list(known.values())).at)),
        "rotations": Repeated(3, lambda: replace(folder / "tokens", line(GOOD) + line(OTHER) * draw.randrange(2))),
        "scrapes": Repeated(1, scraper.scrape),
    }
    try:
        yield repeated
    finally:
        for each in repeated.values():
            each.stop()


@click.command()
@click.argument("minutes", default=10.0)
def main(minutes: float) -> None:
    """Run everything, and print what was seen."""
    seconds, log = 60 * minutes, Log()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = {str(number): publish(folder, number) for number in range(4)}
        point(folder, known["0"].at)
        replace(folder / "tokens", line(GOOD))
        given = {"MODEL": name, "TOKENS_FILE": str(folder / "tokens"), "WORKERS": str(WORKERS)}
        variables = {f"DELIVERY_RISK_{setting}": value for setting, value in given.items()}
        with serving(GOOD, variables, stdout=log.end, stderr=log.end) as server, running_nginx(server.port) as nginx:
            scraper = Scraper(server)

            def calm() -> tuple[list[Client], float]:
                """Polite clients and changes alone: the clients, and the memory once each worker has used all its code."""
                with polite(nginx.port, known) as clients, changes(folder, known, scraper):
                    time.sleep(CALM_SECONDS)
                return clients, memory_mib(server.process.pid)

            before, resting = calm()
            with (
                ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
                polite(nginx.port, known) as clients,
                changes(folder, known, scraper) as repeated,
            ):
                kills = Repeated(5, lambda: server.kill_worker(WORKERS))
                try:
                    hostile = processes.submit(attacks, nginx.port, seconds, 1)
                    time.sleep(seconds / 3)
                    log.blocked = True
                    time.sleep(min(BLOCKED_SECONDS, seconds / 6))
                    log.blocked = False
                    fork_nothing(server, min(UNFORKED_SECONDS, seconds / 6))
                    endings = hostile.result()
                finally:
                    kills.stop()
            assert until(lambda: len(server.workers()) == WORKERS)
            _, after = calm()
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    lost = sum(len(client.lost_at) for client in clients)
    click.echo(f"polite: {dict(outcomes)}, {lost} lost; {times(seconds_of(clients))} (alone {times(seconds_of(before))})")
    click.echo(f"memory: {resting:.0f} MiB at rest, {after:.0f} MiB after")
    click.echo(f"counters that fell: {dict(+scraper.fell)}")
    for act, each in {"kills": kills, **repeated}.items():
        click.echo(f"{act}: {dict(each.outcomes)}")
    for kind, ended in endings.items():
        click.echo(f"{kind}: {dict(ended)}")
    for sample, value in scraper.last.items():
        if value and sample.startswith(_SHOWN):
            click.echo(f"{sample} {value:.0f}")
    click.echo(f"log: {dict(log.messages)}")
    for answer in [wrong for client in clients for wrong in client.wrong][:10]:
        click.echo(f"wrong: {answer}")
    held = outcomes["wrong"] + outcomes["500"] == 0 and outcomes["503"] <= outcomes.total() / 1000
    sys.exit(not (held and not +scraper.fell and after <= resting + 8 * WORKERS))


if __name__ == "__main__":
    main()
