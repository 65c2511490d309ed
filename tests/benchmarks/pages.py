"""Pages: `python -m tests.benchmarks.pages` compares what it costs to rank an uploaded file with the same CSV to /score.

The page shows the first orders with their reasons; the CSV file has all orders by rank. The figures are those of
tests.benchmarks.run: the CPU time of the process tree for each order, as ratios of the same round.
"""

import argparse
import csv
import io
import re
import statistics
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from service.auth import key_file
from service.auth.sessions import Sessions
from service.config import variable
from service.ui.ranking import MOST_SHOWN, SHOWN
from tests.benchmarks import report
from tests.benchmarks.arrow import named
from tests.benchmarks.bodies import Result, expected
from tests.benchmarks.contestants import OURS, Contestant
from tests.benchmarks.measuring import Case
from tests.benchmarks.run import all_costs
from tests.mutated_bodies import as_csv

SIZES = (100, 1000, 10_000)
_ROW = re.compile(r'<th scope="row">(.*?)</th>\s*<td class="right">(.*?)</td>\s*<td><span class="queue [a-z]*">(.*?)<')
_BOUNDARY = "benchmark"
_HEADERS = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Origin": "http://127.0.0.1"}


def contestants(folder: Path) -> list[Contestant]:
    """CSV to /score without and with explanations, then the page and the CSV file of an upload, which has explanations."""
    key = folder / "key"
    key.write_bytes(b"a key for a benchmark")
    sessions = Sessions(key_file.read(str(key)))
    base = replace(
        OURS,
        name="CSV to /score",
        body=lambda count: as_csv(named(count)),
        headers=lambda _: {"Content-Type": "text/csv"},
        read=bytes.decode,
        results=_of_csv,
    )
    uploads = [
        replace(
            base,
            name=f"upload, {answer}",
            path="/ui/upload",
            body=partial(_form, sessions, answer),
            headers=lambda _: _HEADERS,
            results=results,
            expected=wanted,
            variables={variable("ui"): "on", variable("ui_key_file"): str(key)},
        )
        for answer, results, wanted in (("page", _of_page, _shown), ("csv", _of_csv, _ranked))
    ]
    return [base, replace(base, name="CSV to /score, explained", path="/score?explain=review"), *uploads]


def _form(sessions: Sessions, answer: str, count: int) -> bytes:
    fields = {"mark": sessions.form(""), "answer": answer}
    file = FileStorage(io.BytesIO(as_csv(named(count))), "orders.csv")
    return encode_multipart({**fields, "orders": file}, _BOUNDARY)[1]


def _of_csv(text: str) -> list[Result]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return [(row["order_id"], float(row["score"]), row["queue"]) for row in rows]


def _of_page(text: str) -> list[Result]:
    return [(order_id, float(score), queue) for order_id, score, queue in _ROW.findall(text)]


def _ranked(count: int) -> list[Result]:
    return sorted(expected(count), key=lambda each: (-each[1], each[0]))


def _shown(count: int) -> list[Result]:
    ranked = _ranked(count)
    reviews = sum(queue == "review" for _, _, queue in ranked)
    shown = ranked[: min(max(reviews, SHOWN), MOST_SHOWN)]
    return [(order_id, round(score, 4), queue) for order_id, score, queue in shown]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="fewer are faster and less certain (default: 9)")
    rounds, rows = parser.parse_args().rounds, []
    with tempfile.TemporaryDirectory() as name:
        base, *others = found = contestants(Path(name))
        costs = all_costs(found, [Case(size) for size in SIZES], rounds, Path(name))
    for case, of_case in costs.items():
        for one in others:
            ratio = report.shown(report.ratios(of_case[one.name], of_case[base.name]))
            rows.append([f"{case.size:,}", one.name, ratio, f"{statistics.median(of_case[one.name]) * 1e6:.2f} µs"])
    print(report.table(["orders", "request", f"CPU, {base.name} = 1", "an order"], rows))


if __name__ == "__main__":
    main()
