"""Ten kinds of hostile client, a polite one beside them, and what becomes of it with nginx and without.

    python -m tests.deploy.hostile [SECONDS [COPIES]]

The hostile ones run in a process of their own, COPIES of each kind, on addresses that the polite one does not share.
"""

import contextlib
import gzip
import http.client
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.deploy.fronts import front
from tests.facts import ROOT
from tests.servers import running

BODY = json.dumps(
    {"orders": [{"order_id": f"P-{n}", "route_disruption": n, "backlog": 3, "weather_severity": 1} for n in range(10)]}
).encode()
SHARED_ADDRESS, OWN_ADDRESS = "127.0.0.2", "127.0.0.3"
_PATIENCE = 10.0


def head(*headers: str, version: str = "1.1", query: str = "") -> bytes:
    """The head of a POST /score with these header lines."""
    lines = (f"POST /score{query} HTTP/{version}", "Host: localhost", "Content-Type: application/json", *headers)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def _trickle(data: bytes) -> Iterator[bytes]:
    for byte in data:
        yield bytes([byte])
        time.sleep(0.5)


def _blocks(block: bytes, count: int) -> Iterator[bytes]:
    return itertools.repeat(block, count)


_MIB = b"[" * 2**20
_BOMB = gzip.compress(bytes(100 * 2**20), 9)
_DEEP = b'{"orders": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HOSTILE: dict[str, Callable[[], Iterator[bytes]]] = {
    "silent": lambda: iter(()),
    "slow headers": lambda: _trickle(head(*(f"X-{n}: 1" for n in range(90)))),
    "slow body": lambda: itertools.chain([head(f"Content-Length: {len(BODY)}")], _trickle(BODY)),
    "claimed 1 GB": lambda: itertools.chain([head("Content-Length: 1073741824")], _trickle(BODY)),
    "never closing": lambda: iter([head(f"Content-Length: {len(BODY)}", "Connection: close") + BODY]),
    "half-closing": lambda: iter([head(f"Content-Length: {len(BODY)}") + BODY[:-9], b""]),
    "100 MB": lambda: itertools.chain([head("Content-Length: 104857600")], _blocks(_MIB, 100)),
    "chunked 100 MB": lambda: itertools.chain(
        [head("Transfer-Encoding: chunked")], _blocks(b"100000\r\n" + _MIB + b"\r\n", 100), [b"0\r\n\r\n"]
    ),
    "gzip bomb": lambda: iter([head("Content-Encoding: gzip", f"Content-Length: {len(_BOMB)}") + _BOMB]),
    "deep JSON": lambda: iter([head(f"Content-Length: {len(_DEEP)}") + _DEEP]),
}
"""What each sends, piece by piece; an empty piece is a half-close. Then it waits for an answer, and begins anew."""


def attack(port: int, kind: str, until: float) -> str:
    """One hostile connection until it is answered or ended by the other side: the status, "closed", or "held" if neither."""
    with socket.socket() as connection:
        connection.bind((SHARED_ADDRESS, 0))
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(("127.0.0.1", port))
            for piece in HOSTILE[kind]():
                if piece:
                    connection.sendall(piece)
                else:
                    connection.shutdown(socket.SHUT_WR)
                if time.monotonic() > until:
                    return "held"
        except TimeoutError:
            return "held"
        except OSError:
            pass  # refused while sending; an answer may lie there all the same
        ending = _ending(connection, until)
        if kind == "never closing":
            time.sleep(max(0.0, min(_PATIENCE, until - time.monotonic())))
        return ending


def _ending(connection: socket.socket, until: float) -> str:
    connection.settimeout(max(0.1, until - time.monotonic()))
    received = b""
    try:
        while len(received) < len("HTTP/1.1 200") and (data := connection.recv(64)):
            received += data
    except TimeoutError:
        return "held"
    except OSError:
        pass
    return received[9:12].decode() or "closed"


def attacks(port: int, seconds: float, copies: int) -> dict[str, dict[str, int]]:
    """All kinds at once for so long: how their connections ended, by kind."""
    until = time.monotonic() + seconds
    ended: dict[str, Counter[str]] = {kind: Counter() for kind in HOSTILE}

    def repeat(kind: str) -> None:
        while time.monotonic() < until:
            ended[kind][attack(port, kind, until)] += 1
            time.sleep(0.05)

    threads = [threading.Thread(target=repeat, args=(kind,), daemon=True) for kind in HOSTILE for _ in range(copies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until + _PATIENCE - time.monotonic()))
    return {kind: dict(counts) for kind, counts in ended.items()}


@dataclass
class Polite:
    """What became of the polite client's requests; `seconds` are those of its answered ones."""

    failed: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """The time that this share of the answered requests took at most."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]

    def ask(self, port: int, kept: http.client.HTTPConnection | None = None) -> None:
        """One request, on a connection that is kept or on a fresh one."""
        connection = kept or http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(OWN_ADDRESS, 0))
        begun = time.perf_counter()
        try:
            connection.request("POST", "/score", BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            whole = len(json.loads(answer.read()).get("results", ())) == 10
            if answer.status == 200 and whole:
                self.seconds.append(time.perf_counter() - begun)
            else:
                self.failed[str(answer.status)] += 1
        except (OSError, http.client.HTTPException) as error:
            self.failed[type(error).__name__] += 1
            connection.close()
        if kept is None:
            connection.close()


@dataclass(frozen=True)
class Outcome:
    """A run: the polite client, the hostile ones' endings by kind, and MiB that the service held before and at most."""

    polite: Polite
    hostile: dict[str, dict[str, int]]
    before: float
    most: float


def held_mib(pid: int) -> float:
    """Memory of a process and its children, each page counted once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = 0.0
    for process in (str(pid), *children):
        with contextlib.suppress(OSError):  # a worker may just have ended
            found += int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text())[1]) / 1024
    return found


def side_by_side(port: int, service: int, seconds: float, copies: int) -> Outcome:
    """The hostile ones against a port, whose service is this process, and the polite one beside them."""
    polite = Polite()
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(OWN_ADDRESS, 0))
    with ThreadPoolExecutor(4) as threads:  # as many as are never refused, until each worker has done what it does
        list(threads.map(lambda _: polite.ask(port), range(800)))
    assert not polite.failed
    polite.seconds.clear()
    before = most = held_mib(service)
    command = [sys.executable, "-m", "tests.deploy.hostile", "--against", str(port), str(seconds), str(copies)]
    hostile = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        for number in itertools.count():
            polite.ask(port, kept if number % 2 else None)
            if number % 10 == 0:
                most = max(most, held_mib(service))
            if hostile.poll() is not None:
                break
            time.sleep(0.02)
        endings, _ = hostile.communicate(timeout=5)
        assert hostile.returncode == 0
    finally:
        hostile.kill()
        hostile.wait()
        kept.close()
    return Outcome(polite, json.loads(endings), before, most)


@contextmanager
def _target(*, behind_nginx: bool) -> Iterator[tuple[int, int]]:
    with running() as server:
        if behind_nginx:
            with front(server.port) as proxy:
                yield proxy.port, server.process.pid
        else:
            yield server.port, server.process.pid


@click.command()
@click.argument("seconds", default=20.0)
@click.argument("copies", default=1)
@click.option("--against", type=int, help="Only the hostile ones, against this port.")
def main(seconds: float, copies: int, against: int | None) -> None:
    """Compare with nginx and without."""
    if against is not None:
        click.echo(json.dumps(attacks(against, seconds, copies)))
        return
    for name, behind_nginx in (("behind nginx", True), ("without nginx", False)):
        with _target(behind_nginx=behind_nginx) as (port, service):
            outcome = side_by_side(port, service, seconds, copies)
        polite = outcome.polite
        click.echo(f"{name}: polite {len(polite.seconds)} answered, {sum(polite.failed.values())} failed {dict(polite.failed)}")
        times = ", ".join(
            f"{label} {polite.quantile(at) * 1000:.0f} ms" for label, at in (("p50", 0.5), ("p99", 0.99), ("max", 1))
        )
        click.echo(f"  {times}; memory {outcome.before:.0f} MiB before, {outcome.most:.0f} at most")
        for kind, endings in outcome.hostile.items():
            click.echo(f"  {kind}: {', '.join(f'{ending} {count}' for ending, count in endings.items())}")


if __name__ == "__main__":
    main()
