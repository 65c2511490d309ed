"""Arrow: `python -m tests.benchmarks.arrow` compares what an order costs in Arrow, in columns of JSON and in CSV.

One server with one worker answers the same orders in each format in turn. The figures are those of tests.benchmarks.run: the
CPU time of the process tree for each order, as ratios of the same round. Every answer has status 200, and the first of each
format has the results of the oracle.
"""

import argparse
import csv
import io
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.arrow_bodies import ARROW, as_arrow, read
from tests.benchmarks import report
from tests.benchmarks.bodies import Result, agree, columns, expected, of_columns, orders
from tests.benchmarks.client import opened
from tests.benchmarks.measuring import tree
from tests.facts import FEATURES
from tests.mutated_bodies import as_csv
from tests.servers import running


@dataclass(frozen=True)
class Form:
    """A format: its media type, the body of so many orders, and the results of an answer."""

    media_type: str
    body: Callable[[int], bytes]
    results: Callable[[bytes], list[Result]]


def _named(count: int) -> list[dict[str, Any]]:
    return [{"order_id": f"O-{at:06d}", **dict(zip(FEATURES, row, strict=True))} for at, row in enumerate(orders(count))]


def _of_arrow(answer: bytes) -> list[Result]:
    return list(zip(*(read(answer)[name].to_pylist() for name in ("order_id", "score", "queue")), strict=True))


def _of_csv(answer: bytes) -> list[Result]:
    rows = csv.DictReader(io.StringIO(answer.decode()))
    return [(row["order_id"], float(row["score"]), row["queue"]) for row in rows]


FORMS = {
    "columns of JSON": Form("application/json", columns, lambda answer: of_columns(json.loads(answer))),
    "Arrow": Form(ARROW, lambda count: as_arrow(_named(count)), _of_arrow),
    "CSV": Form("text/csv", lambda count: as_csv(_named(count)), _of_csv),
}
BASE = "columns of JSON"


def request(form: Form, count: int) -> bytes:
    """The request with the body of so many orders."""
    body = form.body(count)
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: {form.media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def cpu(pid: int) -> float:
    """CPU seconds of a process tree so far."""
    threads = [task for each in tree(pid) for task in Path(f"/proc/{each}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads) / 1e9


def costs(count: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds for each order by format, one number for each round."""
    found: dict[str, list[float]] = defaultdict(list)
    times = max(10, min(400, 40_000 // count))
    variables = {"DELIVERY_RISK_WORKERS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with running(**variables) as server, ExitStack() as stack:
        exchange = opened(stack, server.port)
        for turn in range(rounds + 1):
            for name, form in FORMS.items():
                sent = request(form, count)
                status, answer = exchange.ask(sent)
                if status != 200 or (turn == 0 and not agree(form.results(answer), expected(count))):
                    raise RuntimeError(f"{name}: a wrong answer with status {status}")
                before = cpu(server.process.pid)
                for _ in range(times):
                    exchange.ask(sent)
                if turn:  # the first round is a warm-up
                    found[name].append((cpu(server.process.pid) - before) / times / count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    rounds = parser.parse_args().rounds
    rows = []
    for count in (1, 32, 1000, 10_000):
        found = costs(count, rounds)
        for name in FORMS:
            micros = f"{statistics.median(found[name]) * 1e6:.2f} µs"
            rows.append([f"{count:,}", name, report.shown(report.ratios(found[name], found[BASE])), micros])
    print(report.table(["orders", "format", f"CPU, {BASE} = 1", "an order"], rows))


if __name__ == "__main__":
    main()
