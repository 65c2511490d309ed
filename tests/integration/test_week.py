"""The week of a model with real orders and processes: from the training script's arrays to a checked promotion and a replay."""

import csv
import gzip
import json
import subprocess
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.integration.test_real_orders import COMMAND, import_model
from tests.servers import running

NAMES = ("route_disruption", "backlog", "weather_severity")
DAYS, ORDERS = 8, 400
MONDAY = date(2026, 11, 23)


def command(*words, code=0):
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def days(real_data):
    """The first orders of each of the first days of the year, late or not."""
    found = {}
    with gzip.open(real_data / "batches" / "nyc17_3feature_all_303748.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["day"], []).append(row)
            if len(found) > DAYS:
                break
    return [rows[:ORDERS] for rows in list(found.values())[:DAYS]]


def move(log, day):
    """Give the records of a day that was just scored the time of that day: a test cannot wait a week."""
    for path in log.glob("decisions-*"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines() if line]
        for line in lines:
            line["at"] = f"{day}T08:00:00Z"
        path.unlink()
        (log / f"decisions-{day}-{path.name}").write_text("".join(json.dumps(line) + "\n" for line in lines))


def moved(log):
    """The records of earlier days, out of the way of those of the next one."""
    kept = log.parent / "kept"
    kept.mkdir(exist_ok=True)
    for path in log.glob("decisions-*"):
        path.rename(kept / path.name)
    return kept


def version_of(arrays, bias, file):
    """A version of the model whose last bias is moved by so much."""
    changed = dict(np.load(arrays))
    changed["b2"] = changed["b2"] + bias
    np.savez(file.with_suffix(".arrays.npz"), **changed)
    words = ("--name", "nyc17_3feature", "--version", file.stem, "--threshold", 0.5, "--out", file)
    command("model", "import", file.with_suffix(".arrays.npz"), *words)
    return file


def test_a_week_from_the_import_to_a_checked_promotion_and_a_replay(days, real_data, tmp_path):
    registry, log = tmp_path / "models", tmp_path / "log"
    registry.mkdir()
    log.mkdir()
    arrays = real_data / "nyc17_3feature" / "model.npz"
    first = import_model(real_data / "nyc17_3feature", tmp_path / "1.npz")
    command("model", "publish", first, "--to", registry)
    command("model", "promote", "1", "--in", registry)
    for number, rows in enumerate(days):
        day = MONDAY + timedelta(days=number)
        with running(DELIVERY_RISK_MODEL=str(registry), DELIVERY_RISK_DECISION_LOG=str(log)) as server:
            orders = [{"order_id": row["order_id"], **{name: float(row[name]) for name in NAMES}} for row in rows]
            answer = server.score(orders)
            assert answer["decision_id"]
            outcomes = [
                {"order_id": row["order_id"], "late": row["late"] == "1", "at": f"{day}T20:00:00Z", "acted_on": False}
                for row in rows
            ]
            headers = {"Content-Type": "application/json"}
            status, _, body = server.call("POST", "/outcomes", json.dumps({"outcomes": outcomes}).encode(), headers)
            assert (status, json.loads(body)) == (200, {"received": len(rows)})
            server.process.terminate()
            assert server.process.wait(30) == 0
        move(log, day)
        kept = moved(log)
    for path in kept.iterdir():
        path.rename(log / path.name)

    assert f"{DAYS * ORDERS} orders" in command("replay", log, "--models", registry)
    found = json.loads(command("evaluate", log, "--model", registry, "--capacity", "20/day", "--json"))
    assert (found["orders"], len(found["days"])) == (DAYS * ORDERS, DAYS)
    late = np.array([row["late"] == "1" for rows in days for row in rows])
    assert found["late"] == late.sum()
    assert found["groups"][0]["metrics"]["auc"]["low"] > 0.5

    for version, bias in (("2", 0.05), ("3", 3.0)):
        command("model", "publish", version_of(arrays, bias, tmp_path / f"{version}.npz"), "--to", registry)
    command("model", "challenge", "2", "--in", registry)
    command("model", "promote", "3", "--in", registry, "--check-on", log, code=1)
    assert json.loads(Path(registry, "CURRENT.json").read_text())
    command("model", "promote", "2", "--in", registry, "--check-on", log, "--capacity", f"{ORDERS}/day")
    journal = [json.loads(line) for line in Path(registry, "JOURNAL.jsonl").read_text().splitlines()]
    (promotion,) = (entry for entry in journal if entry["action"] == "promote" and entry["to"]["version"] == "2")
    assert promotion["check"]["orders"] == DAYS * ORDERS
    assert "0 records differ" in command("replay", log, "--models", registry, "--jobs", "2")
    (line, *_) = command("decisions", "find", log, "--order", days[0][0]["order_id"], "--json").splitlines()
    assert json.loads(line)["order_id"] == days[0][0]["order_id"]
