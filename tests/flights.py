"""A service after two days with real orders: two versions in a registry, a report, and a log of decisions and outcomes.

The orders are flights, with gaps and categories. The fixture `real_data` says where they are.
"""

import csv
import gzip
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from service.auth import key_file
from service.auth.sessions import Sessions
from service.ui.access import COOKIE
from tests.bearer_tokens import GOOD, digest, line
from tests.servers import SERVE, Server, running

_DESCRIPTION = "The risk that a flight from New York leaves 15 minutes late or more, as it is known two hours before."


@dataclass(frozen=True)
class Flights:
    """The `server`, whose pages take the `cookie`. The file `day` has orders that are not scored, `decided` is one that is."""

    server: Server
    cookie: str
    day: Path
    decided: str

    @property
    def cookies(self) -> list[dict[str, str]]:
        """The cookie as a visit of a browser takes it."""
        return [{"name": COOKIE, "value": self.cookie}]


@contextmanager
def flights(real_data: Path, folder: Path) -> Iterator[Flights]:
    """The service, in this empty folder, until the block ends."""
    raw, command = real_data / "nyc17_raw", SERVE[0]

    def run(text: str, *given: str) -> None:
        subprocess.run([command, *text.split(), *given], cwd=folder, check=True, capture_output=True, timeout=120)

    with gzip.open(raw / "orders_test.csv.gz", "rt", newline="") as file:
        days = [list(rows) for _, rows in groupby(csv.DictReader(file), lambda row: row["day"])]
    _write(folder / "past.csv", [row for day in days[:20] for row in day])
    arrays, preparation = real_data / "nyc17_mlp16" / "model.npz", raw / "preparation.json"
    run(f"model import {arrays} --preparation {preparation} --name flights --version 1 --threshold 0.3 --out trained.npz")
    run("model card trained.npz --on past.csv --label late --version 1.1 --out first.npz")
    run("model set-threshold first.npz 0.35 --version 1.2 --out second.npz")
    for name in ("models", "decisions", "reports"):
        (folder / name).mkdir()
    run("model publish first.npz --to models")
    run("model publish second.npz --to models")
    run("model promote 1.1 --in models --message", "The first version, for the start.")
    run("model promote 1.2 --in models --message", "Fewer reviews, as people asked for.")
    run("model rollback --in models --message", "Too few of the late flights were found.")
    run("model challenge 1.2 --in models")
    run("evaluate past.csv --model models --label late --day day --capacity 50/day --report reports/report.html")
    (folder / "tokens").write_text(line(GOOD, "score,read,audit", "ann"))
    (folder / "key").write_bytes(b"a key for tests alone")
    _write(folder / "day.csv", days[22])
    given = {"MODEL": "models", "DECISION_LOG": "decisions", "UI": "on", "UI_KEY_FILE": "key", "UI_REPORTS": "reports"}
    given |= {"TOKENS_FILE": "tokens", "WORKERS": "1"}
    with running(cwd=folder, **{f"DELIVERY_RISK_{name}": value for name, value in given.items()}) as server:
        ranked = [_scored(server, folder / "batch.csv", day) for day in days[20:22]]
        at = datetime.now(UTC).isoformat()
        found = [{"order_id": row["order_id"], "late": row["late"], "at": at} for row in days[20]]
        _write(folder / "outcomes.csv", found)
        run("outcomes outcomes.csv --to decisions")
        cookie = Sessions(key_file.read(str(folder / "key"))).cookie(bytes.fromhex(digest(GOOD)))
        yield Flights(server, cookie, folder / "day.csv", ranked[0][0])


def _scored(server: Server, path: Path, rows: list[dict[str, str]]) -> list[str]:
    """The ids of these orders by rank, once they are scored; the path is that of a file for them."""
    _write(path, rows)
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {GOOD}"}
    status, _, answer = server.call("POST", "/score?explain=all&changes=true&review_top=50", path.read_bytes(), headers)
    assert status == 200, answer[:500]
    found = sorted(csv.DictReader(answer.decode().splitlines()), key=lambda row: int(row["rank"]))
    return [row["order_id"] for row in found]


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    unused = {"day", "late", "p_reference"} if path.stem in ("day", "batch") else {"p_reference"}
    columns = [name for name in rows[0] if name not in unused]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
