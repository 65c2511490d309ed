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


@pytest.mark.parametrize("name", ["orders", "orders.gz", "orders.txt"])
def test_the_default_name_is_that_of_the_orders_without_its_ending(run, tmp_path, name):
    (tmp_path / name).write_text(HEADER + REJECTED)
    done = run("score", name, "--format", "csv", "--out", "out.csv")
    assert done.stderr.endswith("1 rows rejected, see orders.rejects.csv.\n")
    assert set(os.listdir(tmp_path)) == {name, "orders.rejects.csv", "out.csv"}


OTHERS = {
    "orders": HEADER + ROWS,
    "a column of that name elsewhere": "order_id,refused_line,refused_reason\n",
    "a column of a longer name": "refused_line,refused_reasons\n",
    "one column": "refused_line\n",
    "nothing": "",
    "bytes that are no text": "\udcff\udcfe",
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_another_file_of_the_default_name_is_kept(run, tmp_path, content):
    (tmp_path / "stdin.rejects.csv").write_text(content, errors="surrogateescape")
    assert run("score", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "stdin.rejects.csv").read_text(errors="surrogateescape") == content


def test_json_lines_of_orders_are_not_taken_for_rejected_rows(run, tmp_path):
    order = json.dumps({"line": 1, **ORDER}) + "\n"
    (tmp_path / "stdin.rejects.jsonl").write_text(order)
    assert run("score", given=order).exit_code == 0
    assert (tmp_path / "stdin.rejects.jsonl").read_text() == order


def test_a_file_that_rejects_names_is_kept(run, tmp_path):
    run("score", "--rejects", "mine.csv", given=HEADER + REJECTED)
    before = (tmp_path / "mine.csv").read_bytes()
    assert (run("score", "--rejects", "mine.csv", given=HEADER + ROWS).exit_code, before[:8]) == (0, b"refused_")
    assert (tmp_path / "mine.csv").read_bytes() == before


@pytest.mark.parametrize(
    "more", [["--out", "./stdin.rejects.csv"], ["--out", "x.csv", "--rejects", "x.csv"], ["--rejects", "-"]]
)
def test_results_and_rejected_rows_do_not_go_to_one_file(run, tmp_path, more):
    done = run("score", *more, given=HEADER + ROWS)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "rejected rows would go there too" in done.stderr


@pytest.mark.parametrize("more", ["--out there", "--rejects there", "--out link", ""])
def test_a_directory_is_rejected_before_anything_is_scored(run, tmp_path, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + REJECTED)
    (tmp_path / "there").mkdir()
    (tmp_path / "orders.rejects.csv").mkdir()
    (tmp_path / "link").symlink_to("there")
    done = run("score", "orders.csv", *more.split())
    name = more.split()[1] if more else "orders.rejects.csv"
    assert (done.exit_code, done.stdout, done.stderr.endswith(f"Error: {name}: Is a directory.\n")) == (2, "", True)
    assert sorted(os.listdir(tmp_path)) == ["link", "orders.csv", "orders.rejects.csv", "there"]


@pytest.mark.parametrize("more", ["--rejects nowhere/x.csv", "--out nowhere/out.csv", "--out out.csv/x.csv", "--out loop"])
def test_a_path_that_cannot_be_written_is_rejected_before_anything_is_scored(run, tmp_path, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out.csv").write_text("old")
    done = run("score", "orders.csv", *more.split())
    assert (done.exit_code, done.stdout, f"Error: {more.split()[1]}: " in done.stderr) == (2, "", True)


def test_the_help_names_the_default_file(run):
    assert "[NAME.rejects.FORMAT beside --out, else here]" in " ".join(run("score", "--help").stdout.split())
