"""Hostile clients beside a polite one, with nginx and without: `python -m tests.deploy.hostile`.

The hostile clients run in another process, COPIES of each kind, and connect from another address than the polite one.
"""

import gzip
import itertools
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import click

from tests.bearer_tokens import GOOD
from tests.control_groups import control_group
from tests.deploy.nginx import running_nginx
from tests.facts import ORDER
from tests.integration.load import Connection, Outcomes, orders, post
from tests.servers import running

BATCH = [ORDER | {"order_id": f"P-{number}", "route_disruption": number} for number in range(10)]
BODY = json.dumps({"orders": BATCH}).encode()
HOSTILE_ADDRESS = "127.0.0.2"
_PATIENCE_SECONDS = 10.0


TOKEN = f"Authorization: Bearer {GOOD}"


def head(*headers: str, version: str = "1.1", query: str = "", media_type: str = "application/json") -> bytes:
    """The head of a POST /score with these header lines."""
    lines = (f"POST /score{query} HTTP/{version}", "Host: localhost", f"Content-Type: {media_type}", TOKEN, *headers)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def _slowly(data: bytes) -> Iterator[bytes]:
    for byte in data:
        yield bytes([byte])
        time.sleep(0.5)


def _sized(body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    return head(*headers, f"Content-Length: {len(body)}", media_type=media_type) + body


def _packed(body: bytes, media_type: str = "application/json") -> bytes:
    return _sized(gzip.compress(body, 9), "Content-Encoding: gzip", media_type=media_type)


_MIB = b"[" * 2**20
_CHUNK = b"100000\r\n" + _MIB + b"\r\n"
_BOMB = _packed(bytes(100 * 2**20))
_OBJECTS = _packed(b'{"orders":[' + b"{}," * 2_000_000 + b"{}]}")
_ROWS = _packed(b"order_id\n" + b"a\n" * 3_000_000, "text/csv")
_LARGE = _sized(orders(10_000))
_DEEP = b'{"orders": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HOSTILE: dict[str, Callable[[], Iterator[bytes]]] = {
    "silent": lambda: iter(()),
    "slow headers": lambda: _slowly(head(*(f"X-{n}: 1" for n in range(90)))),
    "slow body": lambda: itertools.chain([head(f"Content-Length: {len(BODY)}")], _slowly(BODY)),
    "claimed 1 GB": lambda: itertools.chain([head("Content-Length: 1073741824")], _slowly(BODY)),
    "never closing": lambda: iter([_sized(BODY, "Connection: close")]),
    "half-closing": lambda: iter([_sized(BODY)[:-9], b""]),
    "100 MB": lambda: iter([head("Content-Length: 104857600"), *[_MIB] * 100]),
    "chunked 100 MB": lambda: iter([head("Transfer-Encoding: chunked"), *[_CHUNK] * 100, b"0\r\n\r\n"]),
    "gzip bomb": lambda: iter([_BOMB]),
    "garbage in JSON": lambda: iter([_OBJECTS]),
    "garbage in CSV": lambda: iter([_ROWS]),
    "deep JSON": lambda: iter([_sized(_DEEP)]),
    "not reading": lambda: iter([_LARGE]),
}
"""The bytes that each kind sends, in pieces; an empty piece is a half-close. Then it waits for an answer and starts again."""


def attack(port: int, kind: str, until: float) -> str:
    """One hostile connection until it is answered or closed by the server: the status, "closed", or "held" for neither."""
    received = b""
    with socket.socket() as connection:
        connection.bind((HOSTILE_ADDRESS, 0))
        connection.settimeout(_PATIENCE_SECONDS)
        try:
            with suppress(ConnectionError):  # the server closed early; there may still be an answer
                connection.connect(("127.0.0.1", port))
                for piece in HOSTILE[kind]():
                    if piece:
                        connection.sendall(piece)
                    else:
                        connection.shutdown(socket.SHUT_WR)
                    if time.monotonic() > until:
                        return "held"
            if kind == "not reading":
                time.sleep(max(0.0, min(_PATIENCE_SECONDS, until - time.monotonic())))
                return "held"
            connection.settimeout(max(0.1, until - time.monotonic()))
            with suppress(ConnectionError):
                while len(received) < len("HTTP/1.1 200") and (data := connection.recv(64)):
                    received += data
        except TimeoutError:
            return "held"
        if kind == "never closing":
            time.sleep(max(0.0, min(_PATIENCE_SECONDS, until - time.monotonic())))
    return received[9:12].decode() or "closed"


def attacks(port: int, seconds: float, copies: int, kinds: Collection[str] = tuple(HOSTILE)) -> dict[str, dict[str, int]]:
    """These kinds at once for some seconds: the number of connections by kind and ending."""
    until = time.monotonic() + seconds
    ended: dict[str, dict[str, int]] = {kind: Counter() for kind in kinds}

    def repeat(kind: str) -> None:
        while time.monotonic() < until:
            ended[kind][attack(port, kind, until)] += 1
            time.sleep(0.05)

    with ThreadPoolExecutor(len(kinds) * copies) as threads:
        for kind in [*kinds] * copies:
            threads.submit(repeat, kind)
    return ended


@dataclass(frozen=True)
class Outcome:
    """The polite client alone and beside hostile ones, their endings by kind, and the MiB of the service before and at most."""

    alone: Outcomes
    polite: Outcomes
    hostile: dict[str, dict[str, int]]
    before: float
    most: float


def memory_mib(pid: int) -> float:
    """Memory of a process and its children, with each page counted once."""
    found = 0.0
    for process in (str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        with suppress(OSError):  # a worker may just have ended
            (pss,) = re.findall(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
            found += int(pss) / 1024
    return found


def side_by_side(port: int, service: int, seconds: float, copies: int, kinds: Collection[str] = tuple(HOSTILE)) -> Outcome:
    """The hostile clients of these kinds and a polite one on a port of the service with this process id.

    The polite client sends its requests on a kept and on new connections in turn.
    """
    warm, alone, polite, kept, request = Outcomes(), Outcomes(), Outcomes(), Connection(port, 5), post(BODY)

    def ask(outcomes: Outcomes, connection: Connection) -> None:
        body = outcomes.ask(connection, request)
        assert body is None or body.count(b'"score":') == len(BATCH) or b'"type":' in body, body
        if connection is not kept:
            connection.close()

    def ask_ten(outcomes: Outcomes) -> None:
        for number in range(10):
            ask(outcomes, kept if number % 2 else Connection(port, 5))
            time.sleep(0.02)

    with ThreadPoolExecutor(4) as threads:  # so few are never rejected; afterwards each worker has used all its code
        list(threads.map(lambda _: ask(warm, Connection(port, 5)), range(800)))
    assert warm.statuses == {200: 800}
    for _ in range(round(seconds)):
        ask_ten(alone)
    before = most = memory_mib(service)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes, closing(kept):
        hostile = processes.submit(attacks, port, seconds, copies, kinds)
        while not hostile.done():
            ask_ten(polite)
            most = max(most, memory_mib(service))
    return Outcome(alone, polite, hostile.result(), before, most)


def times(outcomes: Outcomes) -> str:
    shares = (("p50", 0.5), ("p99", 0.99), ("max", 1))
    return ", ".join(f"{name} {outcomes.share(share) * 1000:.0f} ms" for name, share in shares)


@click.command()
@click.argument("seconds", default=20.0)
@click.argument("copies", default=1)
@click.option("--kind", "kinds", multiple=True, type=click.Choice([*HOSTILE]), help="Only this kind; may be given again.")
@click.option("--mib", type=int, help="Limit the memory of the service, by a control group.")
def main(seconds: float, copies: int, kinds: tuple[str, ...], mib: int | None) -> None:
    """Compare the service with nginx and without."""
    for name in ("with nginx", "without nginx"):
        with running() as server, running_nginx(server.port) as nginx:
            port, processes = nginx.port if name == "with nginx" else server.port, (server.process.pid, *server.all_workers(2))
            with control_group("memory", f"delivery-risk-{server.port}", processes) as limit:
                if mib is not None:
                    assert limit is not None, "no control group can be made"
                    limit.write_text(str(mib * 2**20))
                outcome = side_by_side(port, server.process.pid, seconds, copies, kinds or tuple(HOSTILE))
            replaced = len(set(server.workers()) - set(processes))
        polite = outcome.polite
        click.echo(f"{name}: polite {dict(polite.statuses)} answered, {polite.failures.total()} failed {dict(polite.failures)}")
        click.echo(f"  {times(polite)} (alone {times(outcome.alone)})")
        click.echo(f"  memory {outcome.before:.0f} MiB before, {outcome.most:.0f} at most; {replaced} workers replaced")
        for kind, endings in outcome.hostile.items():
            click.echo(f"  {kind}: {', '.join(f'{ending} {count}' for ending, count in endings.items())}")


if __name__ == "__main__":
    main()
