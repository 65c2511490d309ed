import gzip
import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from service.config import DEFAULT_MODEL
from tests.facts import FEATURES, SCORES

HEADER = ",".join(("order_id", *FEATURES, "late"))
ROWS = ["a,2,3,1,0", "b,8,7,9,1", "c,5,9,4,1", "d,3,1,-2,0"]
TABLE = "\n".join([HEADER, *ROWS]) + "\n"
LINES = "".join(
    json.dumps({"order_id": name, **dict(zip(FEATURES, map(int, numbers), strict=True)), "late": late == "1"}) + "\n"
    for name, *numbers, late in (row.split(",") for row in ROWS)
)
FILES = {
    "orders.csv": TABLE.encode(),
    "orders.csv.gz": gzip.compress(TABLE.encode(), mtime=0),
    "orders.jsonl": LINES.encode(),
    "orders.ndjson.gz": gzip.compress(LINES.encode(), mtime=0),
}


@pytest.fixture
def card(run, monkeypatch):
    """Run `delivery-risk model card` on orders in this file of these bytes."""

    def card(label=None, name="orders.csv", content=None, of=DEFAULT_MODEL, version="2", policy="review"):
        Path(name).write_bytes(FILES[name] if content is None else content.encode())
        monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", policy)
        return run(
            "model", "card", of, "--on", name, "--version", version, "--out", "2.npz", *(["--label", label] if label else [])
        )

    return card


@pytest.mark.parametrize("name", FILES)
def test_a_new_version_holds_the_baseline_of_the_orders(run, card, name):
    done = card("late", name=name)
    made = model_file.read("2.npz")
    assert (done.exit_code, done.stdout) == (0, f"2.npz: delivery-risk 2 (sha256 {made.sha256})\n")
    assert done.stderr == f"on {name}: 4 orders, 75.00% to review, 50.00% late; 0 rows rejected\n"
    found = made.manifest.baseline
    assert (found.orders, found.review) == (4, 3)
    low, high, middle = SCORES
    rows = {(round(row.to, 2), row.orders, row.mean_score, row.observed_rate) for row in found.calibration}
    assert rows == {(0.45, 2, low, 0.0), (0.75, 1, middle, 1.0), (1.0, 1, high, 1.0)}
    printed = run("model", "inspect", "2.npz").stdout
    assert "baseline    4 orders, 75.00% to review, 50.00% late\n" in printed
    assert "  scores up to 0.45         2 orders, mean score 0.4256, observed 0.0000\n" in printed


def test_only_version_time_provenance_and_baseline_change(card):
    card("late")
    before, after = model_file.read(DEFAULT_MODEL), model_file.read("2.npz")
    manifest = replace(after.manifest, version="1.0.0", created=before.manifest.created, baseline=None)
    assert replace(manifest, provenance=before.manifest.provenance) == before.manifest
    assert model_file.dumps(replace(after, manifest=before.manifest)) == Path(DEFAULT_MODEL).read_bytes()


def test_the_provenance_names_what_the_baseline_was_made_from(card, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    card("late", content=TABLE + "e,,1,1,0\n", policy="flag")
    manifest = model_file.read("2.npz").manifest
    assert manifest.provenance == {
        "source": "a worked example, computed by hand",
        "reference": "orders.csv",
        "reference_sha256": hashlib.sha256((TABLE + "e,,1,1,0\n").encode()).hexdigest(),
        "reference_orders": "4",
        "reference_refused": "1",
        "reference_out_of_range": "flag",
        "reference_label": "late",
        "reference_model_version": "1.0.0",
        "reference_model_sha256": model_file.read(DEFAULT_MODEL).sha256,
    }
    assert (manifest.baseline.review, manifest.created) == (2, "2023-11-14T22:13:20Z")


def test_a_second_baseline_replaces_the_first(card):
    card("late")
    Path("2.npz").rename("first.npz")
    card(of="first.npz", version="3")
    made = model_file.read("2.npz").manifest
    assert (made.baseline.calibration, "reference_label" in made.provenance) == ((), False)
    assert made.provenance["reference_model_version"] == "2"


def test_rejected_rows_are_counted_and_the_first_hundred_are_named(card):
    done = card(content=TABLE + "e,,1,1,0\na,1,1,1,0\nf,1\n" + "".join(f"e{at},,1,1,0\n" for at in range(104)))
    assert done.exit_code == 0
    *lines, more, summary = done.stderr.splitlines()
    reasons = ["line 6 is rejected: route_disruption: null", "line 7 is rejected: order_id: duplicate_order_id"]
    assert [line.split(" (")[0] for line in lines[:3]] == [*reasons, "line 8 is rejected: not_csv"]
    assert lines[1].endswith("), on line 2")
    assert (lines[-1].split(":")[0], more) == ("line 105 is rejected", "and 7 more rows")
    assert summary == "on orders.csv: 4 orders, 75.00% to review, not calibrated; 107 rows rejected"


INVALID = {
    "the same version": ({"version": "1.0.0"}, 2, "is version 1.0.0 already: the content of a version never changes."),
    "an impossible version": ({"version": "a b"}, 1, "manifest.version: expected a version of letters, digits"),
    "a feature for a label": ({"label": "backlog"}, 2, "--label backlog: the model uses this name."),
    "the id for a label": ({"label": "order_id"}, 2, "--label order_id: the model uses this name."),
    "no such column": ({"label": "delayed"}, 2, "orders.csv: the header has no column delayed."),
    "no orders": ({"content": HEADER + "\n"}, 1, "orders.csv: holds no order that the model scores"),
    "only rejected ones": ({"content": HEADER + "\na,,,,1\n"}, 1, "line 2 is rejected: backlog: null"),
    "other columns": ({"content": "order_id,x\n"}, 2, "orders.csv: the header has no column route_disruption; it has"),
    "a broken model": ({"of": __file__}, 1, "test_card.py: not a "),
    "an invalid setting": ({"policy": "ignore"}, 2, "DELIVERY_RISK_OUT_OF_RANGE"),
    "orders without a valid label": (
        {"label": "late", "content": TABLE + "e,1,1,1,\n" + "".join(f"f{at},1,1,1,maybe\n" for at in range(11))},
        1,
        "late is not 0, 1, true or false in 12 orders, on line 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …\n",
    ),
}


@pytest.mark.parametrize(("given", "code", "error"), INVALID.values(), ids=INVALID)
def test_what_cannot_be_done_is_an_error_and_nothing_is_written(card, given, code, error):
    done = card(**given)
    assert (done.exit_code, error in done.stderr, done.stdout) == (code, True, ""), done.stderr
    assert not Path("2.npz").exists()


def test_orders_may_come_from_a_pipe_and_their_digest_is_kept(run):
    os.mkfifo("pipe.csv")
    writer = threading.Thread(target=Path("pipe.csv").write_text, args=[TABLE])
    writer.start()
    done = run("model", "card", DEFAULT_MODEL, "--on", "pipe.csv", "--version", "2", "--out", "2.npz")
    writer.join()
    assert done.exit_code == 0
    digest = hashlib.sha256(TABLE.encode()).hexdigest()
    assert model_file.read("2.npz").manifest.provenance["reference_sha256"] == digest
