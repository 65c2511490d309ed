import gzip
import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import model
from model.artifact import model_file
from model.packaged import FILE_NAME
from model.registry import versions

PACKAGED = Path(model.__file__).with_name(FILE_NAME)
NAMES = ("route_disruption", "backlog", "weather_severity")
HEADER = "order_id,route_disruption,backlog,weather_severity,late"
ROWS = ["a,2,3,1,0", "b,8,7,9,1", "c,5,9,4,1", "d,3,1,-2,0"]
TABLE = "\n".join([HEADER, *ROWS]) + "\n"
LINES = "".join(
    json.dumps({"order_id": row[0], **dict(zip(NAMES, map(int, row.split(",")[1:4]), strict=True)), "late": row[-1] == "1"})
    + "\n"
    for row in ROWS
)
FILES = {
    "orders.csv": TABLE.encode(),
    "orders.csv.gz": gzip.compress(TABLE.encode(), mtime=0),
    "orders.jsonl": LINES.encode(),
    "orders.ndjson.gz": gzip.compress(LINES.encode(), mtime=0),
}


@pytest.fixture
def card(run):
    """Run `delivery-risk model card` on orders in this file of these bytes."""

    def card(*more, name="orders.csv", content=None, of=PACKAGED, version="2"):
        Path(name).write_bytes(FILES[name] if content is None else content.encode())
        return run("model", "card", of, "--on", name, "--version", version, "--out", "2.npz", *more)

    return card


def reference():
    return model_file.read("2.npz").manifest.baseline


@pytest.mark.parametrize("name", FILES)
def test_a_new_version_holds_what_the_orders_show(card, name):
    done = card("--label", "late", name=name)
    made = model_file.read("2.npz")
    assert (done.exit_code, done.stdout) == (0, f"2.npz: delivery-risk 2 (sha256 {made.sha256})\n")
    assert done.stderr == f"on {name}: 4 orders, 75.00% to review, 50.00% late; 0 rows refused\n"
    found = made.manifest.baseline
    assert (found.orders, found.review) == (4, 3)
    told = {(round(row.to, 2), row.orders, row.mean_score, row.observed_rate) for row in found.calibration}
    assert told == {
        (0.45, 2, 0.425557483188341, 0.0),
        (0.75, 1, 0.7320405018416317, 1.0),
        (1.0, 1, 0.9811090380629609, 1.0),
    }


def test_all_but_the_version_its_time_the_provenance_and_the_reference_stays(card):
    card("--label", "late")
    before, after = model_file.read(PACKAGED), model_file.read("2.npz")
    manifest = replace(after.manifest, version="1.0.0", created=before.manifest.created, baseline=None)
    assert replace(manifest, provenance=before.manifest.provenance) == before.manifest
    assert model_file.dumps(replace(after, manifest=before.manifest)) == PACKAGED.read_bytes()


def test_the_provenance_says_of_what_the_reference_was_made(card, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "flag")
    card("--label", "late", content=TABLE + "e,,1,1,0\n")
    assert model_file.read("2.npz").manifest.provenance == {
        "source": "a worked example, computed by hand",
        "reference": "orders.csv",
        "reference_sha256": hashlib.sha256((TABLE + "e,,1,1,0\n").encode()).hexdigest(),
        "reference_orders": "4",
        "reference_refused": "1",
        "reference_out_of_range": "flag",
        "reference_label": "late",
        "reference_model_version": "1.0.0",
        "reference_model_sha256": model_file.read(PACKAGED).sha256,
    }
    assert reference().review == 2


def test_another_reference_takes_the_place_of_the_first(card):
    card("--label", "late")
    Path("2.npz").rename("first.npz")
    card(of="first.npz", version="3")
    made = model_file.read("2.npz").manifest
    assert (made.baseline.calibration, "reference_label" in made.provenance) == ((), False)
    assert made.provenance["reference_model_version"] == "2"


def test_the_same_orders_give_the_same_bytes(card, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    card("--label", "late")
    first = Path("2.npz").read_bytes()
    card("--label", "late")
    assert Path("2.npz").read_bytes() == first
    assert model_file.loads(first).manifest.created == "2023-11-14T22:13:20Z"


def test_refused_rows_are_named_and_counted_but_hold_nothing_up(card):
    done = card(content=TABLE + "e,,1,1,0\na,1,1,1,0\nf,1\n")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "line 6 is refused: route_disruption: null (must not be null or empty)",
        "line 7 is refused: order_id: duplicate_order_id (another order of the batch has the same order_id), on line 2",
        "line 8 is refused: not_csv (not a row of the header's length, or not sound CSV)",
        "on orders.csv: 4 orders, 75.00% to review, not calibrated; 3 rows refused",
    ]


def test_after_the_first_hundred_refused_rows_only_their_count_is_told(card):
    done = card(content=TABLE + "".join(f"e{at},,1,1,0\n" for at in range(107)))
    assert done.stderr.splitlines()[99:] == [
        "line 105 is refused: route_disruption: null (must not be null or empty)",
        "and 7 rows more",
        "on orders.csv: 4 orders, 75.00% to review, not calibrated; 107 rows refused",
    ]


WRONG = {
    "the same version": ({"version": "1.0.0"}, 2, "is version 1.0.0 already: a version never changes its content."),
    "an impossible version": ({"version": "a b"}, 1, "manifest.version: expected a version of letters, digits"),
    "a feature for a label": ({"more": ("--label", "backlog")}, 2, "--label backlog: the model's own name."),
    "the id for a label": ({"more": ("--label", "order_id")}, 2, "--label order_id: the model's own name."),
    "no such column": ({"more": ("--label", "delayed")}, 2, "orders.csv: the header has no column delayed."),
    "no orders": ({"content": HEADER + "\n"}, 1, "orders.csv: has no order that the model scores"),
    "only refused ones": ({"content": HEADER + "\na,,,,1\n"}, 1, "line 2 is refused: backlog: null"),
    "other columns": ({"content": "order_id,x\n"}, 2, "orders.csv: the header has no column route_disruption."),
    "a broken model": ({"of": __file__}, 1, "test_card.py: not a valid zip archive"),
}


@pytest.mark.parametrize(("given", "code", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_is_said_and_nothing_is_written(card, given, code, said):
    done = card(*given.get("more", ()), **{name: value for name, value in given.items() if name != "more"})
    assert (done.exit_code, said in done.stderr, done.stdout) == (code, True, ""), done.stderr
    assert not Path("2.npz").exists()


def test_labels_that_are_none_are_told_by_their_lines(card):
    done = card("--label", "late", content=TABLE + "e,1,1,1,\n" + "".join(f"f{at},1,1,1,maybe\n" for at in range(11)))
    said = "late is neither 0 or 1 nor true or false in 12 orders, on line 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …"
    assert (done.exit_code, done.stderr) == (1, f"Error: orders.csv: {said}\n")
    assert not Path("2.npz").exists()


def test_a_setting_that_is_wrong_is_told(card, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "ignore")
    assert (card().exit_code, Path("2.npz").exists()) == (2, False)


def test_the_current_version_of_a_store_may_be_carded(run, card, tmp_path):
    (tmp_path / "models").mkdir()
    versions.publish(PACKAGED, tmp_path / "models")
    versions.promote("1.0.0", tmp_path / "models")
    assert card(of="models").exit_code == 0
    assert run("model", "publish", "2.npz", "--to", "models").exit_code == 0
    assert run("model", "promote", "2", "--in", "models").exit_code == 0


def test_inspect_tells_of_the_reference(run, card):
    card("--label", "late")
    told = run("model", "inspect", "2.npz").stdout
    assert "reference   4 orders, 75.00% to review, 50.00% late\n" in told
    assert "  scores up to 0.45         2 orders, mean score 0.4256, observed 0.0000\n" in told


def test_orders_from_a_pipe_are_refused_since_their_digest_could_not_be_told(run):
    os.mkfifo("pipe.csv")
    writer = threading.Thread(target=Path("pipe.csv").write_text, args=[TABLE])
    writer.start()
    done = run("model", "card", PACKAGED, "--on", "pipe.csv", "--version", "2", "--out", "2.npz")
    writer.join()
    assert (done.exit_code, "pipe.csv: cannot be read twice" in done.stderr) == (2, True)
