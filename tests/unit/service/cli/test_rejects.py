"""Which file rejected rows go to, and that rows of an earlier run are not taken for those of this one."""

import json
import os

import pytest

from tests.facts import ORDER
from tests.order_files import HEADER, JSON_LINE, REJECTED, ROWS


@pytest.mark.parametrize(
    ("name", "valid", "faulty"),
    [("orders.csv", HEADER + ROWS, REJECTED), ("orders.jsonl", JSON_LINE, '{"order_id": "B"}\n')],
)
@pytest.mark.parametrize("out", ["-", "results/scored"])
def test_rejected_rows_of_an_earlier_run_are_removed(run, tmp_path, name, valid, faulty, out):
    (tmp_path / "results").mkdir()
    rejects = tmp_path / ("results" if out != "-" else "") / name.replace(".", ".rejects.")
    (tmp_path / name).write_text(valid + faulty)
    done = run("score", name, "--out", out)
    assert (done.exit_code, rejects.exists()) == (1, True)
    assert f"1 rows rejected, see {rejects.relative_to(tmp_path)}." in done.stderr
    (tmp_path / name).write_text(valid)
    assert run("score", name, "--out", out).exit_code == 0
    assert not rejects.exists()


@pytest.mark.parametrize(
    ("name", "more", "kept"),
    [
        *((name, ("--format", "csv"), "orders") for name in ("orders", "orders.gz", "orders.txt")),
        *(("ORDERS.CSV.GZ", (), "ORDERS"), ("a.b.Csv", (), "a.b")),
    ],
)
def test_the_default_name_is_that_of_the_orders_without_its_ending_in_any_capitals(run, tmp_path, name, more, kept):
    (tmp_path / name).write_text(HEADER + REJECTED)
    done = run("score", name, *more, "--out", "out.csv")
    assert done.stderr.endswith(f"1 rows rejected, see {kept}.rejects.csv.\n")
    assert set(os.listdir(tmp_path)) == {name, f"{kept}.rejects.csv", "out.csv"}


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
    (tmp_path / f"stdin.rejects.{kind}").write_text(content, errors="surrogateescape")
    assert run("score", given=HEADER + ROWS if kind == "csv" else ORDERS_AS_LINES).exit_code == 0
    assert (tmp_path / f"stdin.rejects.{kind}").read_text(errors="surrogateescape") == content


def test_a_file_that_rejects_names_is_kept(run, tmp_path):
    run("score", "--rejects", "mine.csv", given=HEADER + REJECTED)
    assert run("score", "--rejects", "mine.csv", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "mine.csv").read_text().startswith("refused_")


@pytest.mark.parametrize(
    "more", [["--out", "./stdin.rejects.csv"], ["--out", "x.csv", "--rejects", "x.csv"], ["--rejects", "-"]]
)
def test_results_and_rejected_rows_do_not_go_to_one_file(run, tmp_path, more):
    done = run("score", *more, given=HEADER + ROWS)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "rejected rows would go there too" in done.stderr


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        *((more, "Is a directory.") for more in ("--out there", "--rejects there", "--out link", "")),
        *((f"{more} nowhere/x.csv", "No such file or directory.") for more in ("--out", "--rejects")),
        *(("--out out.csv/x.csv", ""), ("--out loop", "")),
    ],
)
def test_a_path_that_cannot_be_written_is_rejected_before_anything_is_scored(run, tmp_path, more, reason):
    for name, text in (("orders.csv", HEADER + ROWS + REJECTED), ("out.csv", "old")):
        (tmp_path / name).write_text(text)
    for name in ("there", "orders.rejects.csv"):
        (tmp_path / name).mkdir()
    for name, target in (("link", "there"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    before = sorted(os.listdir(tmp_path))
    done = run("score", "orders.csv", *more.split())
    name = more.split()[1] if more else "orders.rejects.csv"
    assert (done.exit_code, done.stdout, f"Error: {name}: {reason}" in done.stderr) == (2, "", True)
    assert sorted(os.listdir(tmp_path)) == before
