"""What a look-up in a large decision log costs others: `python -m tests.benchmarks.look_up`.

One worker gets a small request every 2 ms, in rounds alone and beside look-ups at /ui/decisions that follow each other. The log
is plain or gzipped; the order has one decision, or its id is a text that each record has. `--without-pauses` shows what the
pauses of service.decisions.pace are for.
"""

import argparse
import fcntl
import gzip
import http.client
import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count, islice
from pathlib import Path

from schemas.decision_record import dumps
from tests.decisions import recorded, scored_batch
from tests.integration.load import orders
from tests.servers import SERVE, Server, running

ROUNDS, SECONDS, EVERY = 4, 2.0, 0.002
FILES, ID = 2, b"000000007"
CASES = {"one decision": ID.decode(), "a text of each record": "review"}
WITHOUT = "from service.decisions import pace; pace.WORK_SECONDS = 99.0; from service.cli import main; main()"


def write(folder: Path, packed: bool, size: int) -> None:
    """Write a log of records of one order, of so many bytes in all before it is packed."""
    line = dumps(recorded(scored_batch(1))).replace(b"A-0", b"@" * len(ID)).replace(b"a-request", b"#" * 32)
    numbers = count()
    for at in range(FILES):
        path = folder / f"decisions-{'f' * 16}-0-{at}.jsonl{'.gz' * packed}"
        with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
            for number in islice(numbers, size // FILES // len(line)):
                request = b"%032x" % random.getrandbits(128)
                file.write(line.replace(b"@" * len(ID), b"%09d" % number).replace(b"#" * 32, request))


@contextmanager
def kept_plain(folder: Path) -> Iterator[None]:
    """In the block the service does not compress the files, since they are locked as those that are written to."""
    with ExitStack() as opened:
        for path in folder.glob("*.jsonl"):
            fcntl.flock(opened.enter_context(path.open("rb")), fcntl.LOCK_EX)
        yield


def small(server: Server) -> list[float]:
    """The seconds that small requests take."""
    body, found, end = orders(1), [], time.monotonic() + SECONDS
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        while time.monotonic() < end:
            begin = time.perf_counter()
            connection.request("POST", "/score", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            found.append(time.perf_counter() - begin)
            if answer.status != 200:
                raise RuntimeError(answer.status)
            time.sleep(EVERY)
    return found


def beside(server: Server, order_id: str, took: list[float]) -> list[float]:
    """The same while look-ups follow each other, which `took` so long."""
    ended = threading.Event()

    def look_up() -> None:
        while not ended.is_set():
            begin = time.perf_counter()
            status, _, _ = server.call("GET", f"/ui/decisions?order={order_id}")
            took.append(time.perf_counter() - begin)
            if status != 200:
                raise RuntimeError(status)

    thread = threading.Thread(target=look_up)
    thread.start()
    try:
        return small(server)
    finally:
        ended.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=300, help="of the log, before it is packed (default: 300)")
    parser.add_argument("--without-pauses", action="store_true", help="with look-ups that never wait")
    given = parser.parse_args()
    command = [SERVE[0].replace("delivery-risk", "python"), "-c", WITHOUT, *SERVE[1:]] if given.without_pauses else SERVE
    for packed in (False, True):
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), packed, given.megabytes * 10**6)
            variables = {"DELIVERY_RISK_UI": "on", "DELIVERY_RISK_DECISION_LOG": name, "DELIVERY_RISK_WORKERS": "1"}
            with kept_plain(Path(name)), running(command, **variables) as server:
                small(server)
                for case, order_id in CASES.items():
                    alone, others, took = list[float](), list[float](), list[float]()
                    for _ in range(ROUNDS):
                        alone += small(server)
                        others += beside(server, order_id, took)
                    print(json.dumps(account("gzipped" if packed else "plain", case, alone, others, took)), flush=True)


def account(log: str, case: str, alone: list[float], others: list[float], took: list[float]) -> dict[str, object]:
    def at(found: list[float], part: float) -> float:
        return round(sorted(found)[int(part * len(found))] * 1e3, 2)

    found: dict[str, object] = {"log": log, "order": case}
    for part in (0.5, 0.99):
        found[f"p{100 * part:g} ms alone, beside"] = at(alone, part), at(others, part)
    return found | {"look-ups": len(took), "longest s": round(max(took), 2)}


if __name__ == "__main__":
    main()
