"""Which file rejected rows go to, and that rows of an earlier run are not taken for those of this one."""

import json
import os

import pytest

from model.artifact import model_file
from tests.facts import ORDER
from tests.order_files import HEADER, JSON_LINE, REJECTED, ROWS
from tests.raw_orders import ORDERS as RAW_ORDERS
from tests.raw_orders import raw_model


@pytest.mark.parametrize(
    ("name", "valid", "faulty"),
    [("orders.csv", HEADER + ROWS, REJECTED), ("orders.jsonl", JSON_LINE, '{"order_id": "B"}\n')],
)
@pytest.mark.parametrize("out", ["scored", "results/scored"])
def test_rejected_rows_of_an_earlier_run_are_removed(run, tmp_path, name, valid, faulty, out):
    (tmp_path / "results").mkdir()
    rejects = tmp_path / f"{out}.rejects.{name.split('.')[1]}"
    (tmp_path / name).write_text(valid + faulty)
    done = run("score", name, "--out", out)
    assert (done.exit_code, rejects.exists()) == (1, True)
    assert f"1 rows rejected, see {rejects.relative_to(tmp_path)};" in done.stderr
    (tmp_path / name).write_text(valid)
    assert run("score", name, "--out", out).exit_code == 0
    assert not rejects.exists()


@pytest.mark.parametrize(
    ("out", "kept"),
    [("out.csv", "out"), ("out.gz", "out"), ("OUT.CSV.GZ", "OUT"), ("a.b.Csv", "a.b"), ("a.b", "a.b"), ("out.json", "out")],
)
def test_the_default_name_is_that_of_the_results_without_the_ending_of_orders_in_any_capitals(run, tmp_path, out, kept):
    (tmp_path / "orders.csv").write_text(HEADER + REJECTED)
    done = run("score", "orders.csv", "--out", out)
    assert f"1 rows rejected, see {kept}.rejects.csv; 2 lines read.\n" in done.stderr
    assert set(os.listdir(tmp_path)) == {"orders.csv", f"{kept}.rejects.csv", out}


def test_runs_with_other_results_keep_their_rejected_rows(run, tmp_path):
    for day, rows in (("monday", REJECTED), ("tuesday", ROWS)):
        (tmp_path / day).mkdir()
        (tmp_path / day / "part-0.csv").write_text(HEADER + rows)
        run("score", f"{day}/part-0.csv", "--out", f"{day}.csv")
    assert [each.name for each in tmp_path.glob("*.rejects.*")] == ["monday.rejects.csv"]


@pytest.mark.parametrize("out", [[], ["--out", "/dev/null"]])
def test_without_a_file_for_them_the_first_rejected_row_ends_the_run(run, tmp_path, out):
    done = run("score", *out, given=HEADER + ROWS + REJECTED)
    assert (done.exit_code, os.listdir(tmp_path)) == (2, [])
    assert "Error: line 5 is rejected, backlog: null" in done.stderr
    assert done.stderr.endswith("; give --rejects FILE for rejected rows, or --out FILE for the results.\n")


ORDERS_AS_LINES = json.dumps({"line": 1, **ORDER}) + "\n"
OTHERS = {
    "orders": ("csv", HEADER + ROWS),
    "a column of that name elsewhere": ("csv", "order_id,refused_line,refused_reason\n"),
    "a column of a longer name": ("csv", "refused_line,refused_reasons\n"),
    "one column": ("csv", "refused_line\n"),
    "nothing": ("csv", ""),
    "bytes that are no text": ("csv", "\udcff\udcfe"),
    "orders with a line": ("jsonl", ORDERS_AS_LINES),
}


@pytest.mark.parametrize(("kind", "content"), OTHERS.values(), ids=OTHERS)
def test_another_file_of_the_default_name_is_kept(run, tmp_path, kind, content):
    (tmp_path / f"out.rejects.{kind}").write_text(content, errors="surrogateescape")
    assert run("score", "--out", "out.csv", given=HEADER + ROWS if kind == "csv" else ORDERS_AS_LINES).exit_code == 0
    assert (tmp_path / f"out.rejects.{kind}").read_text(errors="surrogateescape") == content


def test_a_file_that_rejects_names_is_kept(run, tmp_path):
    run("score", "--rejects", "mine.csv", given=HEADER + REJECTED)
    assert run("score", "--rejects", "mine.csv", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "mine.csv").read_text().startswith("refused_")


@pytest.mark.parametrize("more", [["--out", "./x.csv", "--rejects", "x.csv"], ["--rejects", "-"]])
def test_results_and_rejected_rows_do_not_go_to_one_file(run, tmp_path, more):
    done = run("score", *more, given=HEADER + ROWS)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "rejected rows would go there too" in done.stderr


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        *((more, "Is a directory.") for more in ("--out there", "--rejects there", "--out link", "--out out.csv")),
        *((f"{more} nowhere/x.csv", "No such file or directory.") for more in ("--out", "--rejects")),
        *(("--out out.csv/x.csv", ""), ("--out loop", "")),
    ],
)
def test_a_path_that_cannot_be_written_is_rejected_before_anything_is_scored(run, tmp_path, more, reason):
    for name, text in (("orders.csv", HEADER + ROWS + REJECTED), ("out.csv", "old")):
        (tmp_path / name).write_text(text)
    for name in ("there", "out.rejects.csv"):
        (tmp_path / name).mkdir()
    for name, target in (("link", "there"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    before = sorted(os.listdir(tmp_path))
    done = run("score", "orders.csv", *more.split())
    name = "out.rejects.csv" if more == "--out out.csv" else more.split()[1]
    assert (done.exit_code, done.stdout, f"Error: {name}: {reason}" in done.stderr) == (2, "", True)
    assert sorted(os.listdir(tmp_path)) == before


def test_the_reason_says_which_category_is_likely_meant(run, tmp_path):
    model_file.write(raw_model(), tmp_path / "raw.npz")
    given = json.dumps(RAW_ORDERS[0] | {"carrier": "aa"})
    run("score", "--model", "raw.npz", "--rejects", "rejects.jsonl", given=given)
    reason = json.loads((tmp_path / "rejects.jsonl").read_text())["reason"]
    assert reason.startswith("carrier: unknown_category (")
    assert reason.endswith("; did you mean AA?)")
