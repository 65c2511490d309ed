"""The first 50 orders of each real day, batch by batch and in one file; the oracle is a sort in plain Python."""

import csv
import gzip
from collections import defaultdict
from dataclasses import replace
from itertools import islice

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from tests.apps import app_of
from tests.integration.test_real_orders import import_model

PEOPLE = 50


@pytest.fixture(scope="module")
def days(real_data):
    """The orders of each day of the test split."""
    found = defaultdict(list)
    with gzip.open(real_data / "batches" / "nyc17_3feature_all_303748.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                found[row["day"]].append(row)
    assert (len(found), sum(map(len, found.values()))) == (73, 60_854)
    return found


@pytest.fixture(scope="module")
def model(real_data, tmp_path_factory):
    return import_model(real_data / "nyc17_3feature", tmp_path_factory.mktemp("selection") / "model.npz")


def test_the_first_of_each_day_are_those_of_a_plain_sort_and_more_of_them_are_late_than_by_the_threshold(days, model):
    client = app_of(model=str(model)).test_client()
    names = model_file.read(model).manifest.feature_names
    late = {"selection": 0, "threshold": 0, "threshold, as many as people can do": 0}
    for orders in days.values():
        ids, columns = [row["order_id"] for row in orders], {name: [float(row[name]) for row in orders] for name in names}
        batch = {"order_ids": ids, "columns": columns}
        selected, plain = (client.post(f"/score{query}", json=batch).json for query in (f"?review_top={PEOPLE}", ""))
        assert (selected["order_ids"], selected["scores"]) == (ids, plain["scores"])
        outside = {at for positions in plain.get("out_of_range", {}).values() for at in positions}
        rows = sorted(range(len(ids)), key=lambda at: (at not in outside, -plain["scores"][at], ids[at]))
        assert [selected["ranks"][at] for at in rows] == list(range(1, len(ids) + 1))
        assert {at for at in rows if selected["queues"][at] == "review"} == {*rows[:PEOPLE]}
        lowest = min((plain["scores"][at] for at in rows[:PEOPLE] if at not in outside), default=None)
        assert selected["selection"] == {"review_top": PEOPLE, "lowest_score": lowest}

        by_threshold = [at for at, queue in enumerate(plain["queues"]) if queue == "review"]
        for name, reviewed in zip(late, (rows[:PEOPLE], by_threshold, islice(by_threshold, PEOPLE)), strict=True):
            late[name] += sum(orders[at]["late"] == "1" for at in reviewed)
    assert late == {"selection": 1745, "threshold": 5270, "threshold, as many as people can do": 1237}


def test_a_file_of_all_days_gets_the_ranks_of_each_day_by_its_column(days, model, run, tmp_path, monkeypatch):
    loaded = model_file.read(model)
    loaded = replace(loaded, manifest=replace(loaded.manifest, context=(Context("day", tuple(days)),)))
    monkeypatch.setattr("service.cli.score.load", lambda *_: loaded)
    rows = [row for orders in days.values() for row in orders]
    (tmp_path / "orders.csv").write_text("".join(",".join(each) + "\n" for each in [rows[0], *(row.values() for row in rows)]))
    done = run("score", "orders.csv", "--review-top", PEOPLE, "--by", "day", "--out", "out.csv")
    assert f"by day): {73 * PEOPLE} to review, {60_854 - 73 * PEOPLE} to monitor; 0 rows rejected" in done.stderr

    written = defaultdict(list)
    with open(tmp_path / "out.csv", newline="") as file:
        for row in csv.DictReader(file):
            written[row["day"]].append(row)
    for found in written.values():
        found.sort(key=lambda row: (not row["out_of_range"], -float(row["score"]), row["order_id"]))
        assert [row["rank"] for row in found] == list(map(str, range(1, len(found) + 1)))
        assert [row["queue"] for row in found] == ["review"] * PEOPLE + ["monitor"] * (len(found) - PEOPLE)
