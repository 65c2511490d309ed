"""The week of docs/a-week.md with real orders and processes, from the training script's arrays to a checked promotion."""

import csv
import gzip
import json
import os
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.facts import ROOT
from tests.integration.test_real_orders import COMMAND
from tests.pages import blocks
from tests.servers import running

NAMES = ("route_disruption", "backlog", "weather_severity")
DAYS, ORDERS = 8, 400
MONDAY = date(2026, 11, 23)
BLOCKS = blocks("sh", (ROOT / "docs" / "a-week.md").read_text())
LOG, REGISTRY = "decisions", "models"


@pytest.fixture(scope="module")
def week(real_data, tmp_path_factory):
    """The folder with the files that the page names, and the rows of each day."""
    folder, source = tmp_path_factory.mktemp("week"), real_data / "nyc17_3feature"
    shutil.copy(source / "model.npz", folder / "training.npz")
    shutil.copy(source / "model.json", folder / "card.json")
    arrays = dict(np.load(source / "model.npz"))
    np.savez(folder / "training-2.npz", **arrays | {"b2": arrays["b2"] + 0.05})
    np.savez(folder / "training-3.npz", **arrays | {"b2": arrays["b2"] + 3.0})
    (folder / "checked.csv").write_text((source / "cases.csv").read_text().replace("p_predict_proba", "p", 1))
    with gzip.open(real_data / "batches" / "nyc17_3feature_all_303748.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    table(folder / "past.csv", [row for row in rows if row["split"] == "test"], rows[0])
    by_day = {}
    for row in rows:
        by_day.setdefault(row["day"], []).append(row)
    days = [found[:ORDERS] for found in list(by_day.values())[:DAYS]]
    table(folder / "monday.csv", days[0], ("order_id", *NAMES))
    table(folder / "monday-outcomes.csv", outcomes(days[0], MONDAY), ("order_id", "late", "at", "acted_on"))
    return folder, days


def table(path, rows, columns):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def outcomes(rows, day):
    late = [(row["order_id"], row["late"] == "1") for row in rows]
    return [{"order_id": name, "late": was_late, "at": f"{day}T20:00:00Z", "acted_on": False} for name, was_late in late]


def shell(commands, folder, code=0):
    """What these commands print, in a shell that stops at the first that fails."""
    env = os.environ | {"PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"}
    run = {"cwd": folder, "env": env, "capture_output": True, "text": True, "check": False, "timeout": 120}
    done = subprocess.run(["bash", "-ec", commands], **run)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def move(folder, day):
    """Give the records that were written just now the time of this day: a test cannot wait a week."""
    for path in {*(folder / LOG).glob("decisions-*")} - {*(folder / LOG).glob("decisions-2026-*")}:
        lines = [json.loads(line) | {"at": f"{day}T08:00:00Z"} for line in path.read_bytes().splitlines() if line]
        path.with_name(f"decisions-{day}-{path.name}").write_text("".join(json.dumps(line) + "\n" for line in lines))
        path.unlink()


def test_the_week_of_the_page_from_the_import_to_a_checked_promotion(week):
    folder, days = week
    imported, evaluated, published, serve, scored, happened, on_the_log, replayed, challenged, promoted, again = BLOCKS
    assert "2000 orders" in shell(imported, folder)
    assert "at most 50 reviews a day" in shell(evaluated, folder)
    shell(published, folder)
    *variables, command, word = serve.split()
    assert [command, word] == ["delivery-risk", "serve"]
    settings = {name: str(folder / value) for name, _, value in (each.partition("=") for each in variables)}
    with running(**settings) as server:
        shell(scored.replace(":8000", f":{server.port}"), folder)
        shell(happened, folder)
    move(folder, MONDAY)
    with open(folder / "monday-scored.csv", newline="") as file:
        assert [row["order_id"] for row in csv.DictReader(file)] == [row["order_id"] for row in days[0]]
    for number, rows in enumerate(days[1:], 1):
        day = MONDAY + timedelta(days=number)
        with running(**settings) as server:
            server.score([{"order_id": row["order_id"], **{name: float(row[name]) for name in NAMES}} for row in rows])
            body = json.dumps({"outcomes": outcomes(rows, day)}).encode()
            status, _, answer = server.call("POST", "/outcomes", body, {"Content-Type": "application/json"})
            assert (status, json.loads(answer)) == (200, {"received": len(rows)})
        move(folder, day)

    late = sum(row["late"] == "1" for rows in days for row in rows)
    assert f"{DAYS * ORDERS} orders on {DAYS} days, {late} late" in shell(on_the_log, folder)
    found = shell(replayed, folder)
    assert days[0][0]["order_id"] in found
    assert "0 records differ" in found
    shell(challenged, folder)
    shell(challenged.replace("2", "3").rpartition("delivery-risk model challenge")[0], folder)
    refused = shell("delivery-risk model promote 3 --in models --check-on decisions", folder, code=1)
    assert "its Brier score is higher" in refused
    assert "promote" in shell(promoted, folder)
    journal = [json.loads(line) for line in Path(folder, REGISTRY, "JOURNAL.jsonl").read_text().splitlines()]
    (promotion,) = (entry for entry in journal if entry["action"] == "promote" and entry["to"]["version"] == "2")
    assert promotion["check"]["orders"] == DAYS * ORDERS
    assert "0 records differ" in shell(again, folder)
