"""delivery-risk score --review-top N --by CONTEXT: the selection of POST /score, from a file."""

import csv
import json
import random
import sqlite3
from dataclasses import replace

import pytest

from model.core.manifest import Context
from model.packaged import packaged_model
from tests.facts import FEATURES
from tests.order_files import HEADER, REJECTED, ROWS

DEPOTS = ("EWR", "JFK", "é", "\U0001f69a", None)
DICE = random.Random(0)
ORDERS = [
    {
        "order_id": DICE.choice("aZ\uff5e\U0001f69a") + str(n),
        "depot": DICE.choice(DEPOTS),
        **{f: DICE.randrange(13) for f in FEATURES},
    }
    for n in range(300)
]


@pytest.fixture
def with_depots(monkeypatch):
    """The packaged model has a context."""
    model = packaged_model()
    model = replace(model, manifest=replace(model.manifest, context=(Context("depot", ("EWR", "JFK")),)))
    monkeypatch.setattr("service.cli.score.load", lambda *_: model)


def as_csv(orders=ORDERS, delimiter=","):
    def cell(value):
        return "" if value is None else f'"{value}"' if "\n" in str(value) else str(value)

    return "".join(delimiter.join(map(cell, row)) + "\n" for row in [orders[0], *(order.values() for order in orders)])


def as_json_lines(orders=ORDERS):
    return "".join(json.dumps(order) + "\n" for order in orders)


def rows_of(text):
    """Queue, rank and names out of range by order id, in the order of the output, from CSV or JSON lines."""
    if text.startswith("{"):
        rows = list(map(json.loads, text.splitlines()))
        return {row["order_id"]: (row["queue"], row["rank"], row.get("out_of_range", [])) for row in rows}
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    return {row["order_id"]: (row["queue"], int(row["rank"]), row["out_of_range"].split()) for row in rows}


def expected(client, orders, review_top):
    """The same, as the service answers a batch of these orders."""
    sent = [{name: order[name] for name in ("order_id", *FEATURES)} for order in orders]
    answer = client.post(f"/score?review_top={review_top}", json={"orders": sent}).json
    return {row["order_id"]: (row["queue"], row["rank"], row.get("out_of_range", [])) for row in answer["results"]}


@pytest.mark.parametrize("written", [as_csv, as_json_lines])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_gets_the_queues_and_ranks_of_a_batch(run, client, monkeypatch, written, jobs):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    done = run("score", "--review-top", 50, "--jobs", jobs, given=written())
    assert (done.exit_code, list(rows_of(done.stdout).items())) == (0, list(expected(client, ORDERS, 50).items()))
    assert "out_of_range_policy review, review_top 50): 50 to review, 250 to monitor; 0 rows rejected" in done.stderr


@pytest.mark.usefixtures("with_depots")
@pytest.mark.parametrize("written", [as_csv, as_json_lines])
@pytest.mark.parametrize("jobs", [1, 2])
def test_each_group_of_a_file_gets_the_queues_and_ranks_of_a_batch(run, client, monkeypatch, written, jobs):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 50)
    done = run("score", "--review-top", 9, "--by", "depot", "--jobs", jobs, given=written())
    groups = ([order for order in ORDERS if order["depot"] == depot] for depot in DEPOTS)
    assert rows_of(done.stdout) == {key: row for group in groups for key, row in expected(client, group, 9).items()}
    assert list(rows_of(done.stdout)) == [order["order_id"] for order in ORDERS]
    assert "review_top 9, by depot): 45 to review, 255 to monitor;" in done.stderr


@pytest.mark.usefixtures("with_depots")
def test_the_column_of_the_context_may_have_another_name(run):
    renamed = as_csv().replace("depot", "Depot", 1)
    done = run("score", "--review-top", 9, "--by", "depot", "--rename", "depot=Depot", given=renamed)
    assert rows_of(done.stdout) == rows_of(run("score", "--review-top", 9, "--by", "depot", given=as_csv()).stdout)
    missing = run("score", "--review-top", 9, "--by", "depot", given=renamed)
    assert missing.exit_code == 2
    assert "the header has no column depot (if it is column 2, give --rename depot='Depot')." in missing.stderr


@pytest.mark.usefixtures("with_depots")
@pytest.mark.parametrize("value", [7, True, ["EWR"], {}, "\ud800"])
def test_a_value_of_the_context_that_is_no_text_rejects_its_row_and_only_where_it_is_asked_for(run, tmp_path, value):
    given = as_json_lines([{**ORDERS[0], "depot": value}, *ORDERS[1:60]])
    done = run("score", "--review-top", 9, "--by", "depot", "--rejects", "rejects", given=given)
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 59)
    (rejected,) = map(json.loads, (tmp_path / "rejects").read_text().splitlines())
    assert rejected["reason"].startswith(("depot: not_a_string", "not_json") if value == "\ud800" else "depot: not_a_string")
    assert len(run("score", "--review-top", 9, given=given).stdout.splitlines()) == 60


def test_a_row_has_its_rank_before_what_is_added_and_formulas_are_made_safe(run):
    given = HEADER + ROWS + "=1+1,3,@x,5,-1\n"
    done = run("score", "--review-top", 1, "--provenance", "--safe-csv", given=given)
    header, *rows = csv.reader(done.stdout.splitlines())
    assert header[-8:] == ["score", "queue", "out_of_range", "rank", "model_name", "model_version", "model_sha256", "threshold"]
    assert [(row[0], row[2], row[6], row[7], row[8]) for row in rows[2:]] == [
        ("C-311", "third", "monitor", "", "3"),
        ("'=1+1", "'@x", "review", "weather_severity", "1"),
    ]


@pytest.mark.parametrize("delimiter", ["1", "e", "_", ";"])
def test_ranks_can_be_read_again_with_any_delimiter(run, client, delimiter):
    orders = [{"order_id": chr(65 + n), **dict.fromkeys(FEATURES, n)} for n in range(20, 0, -1)]
    quoted = "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in [orders[0], *(o.values() for o in orders)])
    done = run("score", "--review-top", 12, given=f"sep={delimiter}\n{quoted}")
    rows = csv.DictReader(done.stdout.splitlines(), delimiter=delimiter)
    found = {row["order_id"]: (row["queue"], int(row["rank"]), row["out_of_range"].split()) for row in rows}
    assert found == expected(client, orders, 12)


def test_the_manifest_has_the_selection_where_there_is_one(run, tmp_path):
    run("score", "--review-top", 2, "--manifest", "--out", "out.csv", given=HEADER + ROWS)
    made = json.loads((tmp_path / "out.manifest.json").read_text())
    (lowest,) = [row["score"] for row in csv.DictReader((tmp_path / "out.csv").read_text().splitlines()) if row["rank"] == "2"]
    assert made["selection"] == {"review_top": 2, "lowest_score": float(lowest)}
    assert (made["orders"], made["review"], made["monitor"]) == (3, 2, 1)
    run("score", "--manifest", "--out", "out.csv", given=HEADER + ROWS)
    assert "selection" not in json.loads((tmp_path / "out.manifest.json").read_text())


def test_rejected_rows_take_no_place_and_a_file_without_orders_has_no_ranks(run, tmp_path):
    done = run("score", "--review-top", 3, "--rejects", "rejects.csv", given=HEADER + REJECTED + ROWS)
    assert (done.exit_code, [rank for _, rank, _ in rows_of(done.stdout).values()]) == (1, [3, 1, 2])
    assert (tmp_path / "rejects.csv").read_text().count("\n") == 2
    empty = run("score", "--review-top", 3, given=HEADER)
    assert (empty.exit_code, empty.stdout) == (0, HEADER.strip() + ",score,queue,out_of_range,rank\n")


WRONG = {
    "--review-top 0": "Invalid value for '--review-top': 0 is not in the range x>=1.",
    "--by depot": "Error: --by needs --review-top beside it.",
    "--top 1 --review-top 1": "Error: --top writes only N orders, --review-top all of them; give one of the two.",
    "--review-top 1 --by depot": "Error: --by must name a context of the model; it has none.",
}


@pytest.mark.parametrize(("options", "error"), WRONG.items())
def test_options_that_do_not_go_together_are_an_error(run, options, error):
    done = run("score", *options.split(), given=HEADER + ROWS)
    assert (done.exit_code, done.stdout) == (2, "")
    assert error in done.stderr


def test_a_context_that_the_model_does_not_have_is_an_error_with_those_that_it_has(run, with_depots):
    done = run("score", "--review-top", 1, "--by", "carrier", given=HEADER + ROWS)
    assert (done.exit_code, "--by must name a context of the model; it has depot." in done.stderr) == (2, True)


def test_a_column_rank_is_an_error_only_where_ranks_are_written(run):
    given = HEADER.replace("note", "rank") + ROWS
    done = run("score", "--review-top", 1, given=given)
    assert (done.exit_code, "has a column rank, which is a column of the output; rename it" in done.stderr) == (2, True)
    assert run("score", given=given).exit_code == 0


def test_a_temporary_file_that_cannot_be_written_is_an_error_without_output(run, tmp_path, monkeypatch):
    def small(*given, real=sqlite3.connect, **options):
        connection = real(*given, **options)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    done = run("score", "--review-top", 50, "--out", "out.csv", given=as_csv())
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "Error: the temporary file of --review-top failed: database or disk is full. No file is written;" in done.stderr
