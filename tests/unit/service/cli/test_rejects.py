"""Where refused rows go, and that none of an earlier run are taken for this one's."""

import json
import os
import stat
import subprocess

import pytest

from tests.unit.service.cli.test_score import HEADER, ROWS


@pytest.mark.parametrize(
    ("name", "sound", "faulty"),
    [
        ("orders.csv", HEADER + ROWS, "D,,x,2,1\n"),
        (
            "orders.jsonl",
            '{"order_id": "A", "route_disruption": 2, "backlog": 3, "weather_severity": 1}\n',
            '{"order_id": "B"}\n',
        ),
    ],
)
@pytest.mark.parametrize("out", ["-", "results/scored"])
def test_what_an_earlier_run_refused_does_not_stay(run, tmp_path, name, sound, faulty, out):
    (tmp_path / "results").mkdir()
    rejects = tmp_path / ("results" if out != "-" else "") / name.replace(".", ".rejects.")
    (tmp_path / name).write_text(sound + faulty)
    done = run("score", name, "--out", out)
    assert (done.exit_code, rejects.exists()) == (1, True)
    assert f"1 rows refused, see {rejects.relative_to(tmp_path)}." in done.stderr
    (tmp_path / name).write_text(sound)
    assert run("score", name, "--out", out).exit_code == 0
    assert not rejects.exists()


@pytest.mark.parametrize("name", ["orders", "orders.gz", "orders.txt"])
def test_refused_rows_go_by_the_name_of_the_orders_whatever_its_ending(run, tmp_path, name):
    (tmp_path / name).write_text(HEADER + "D,,x,2,1\n")
    done = run("score", name, "--format", "csv", "--out", "out.csv")
    assert done.stderr.endswith("1 rows refused, see orders.rejects.csv.\n")
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
def test_another_file_of_the_name_of_the_rejects_stays(run, tmp_path, content):
    (tmp_path / "stdin.rejects.csv").write_text(content, errors="surrogateescape")
    assert run("score", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "stdin.rejects.csv").read_text(errors="surrogateescape") == content


def test_json_lines_that_are_orders_are_no_rejects(run, tmp_path):
    order = json.dumps({"line": 1, "order_id": "A", "route_disruption": 2, "backlog": 3, "weather_severity": 1}) + "\n"
    (tmp_path / "stdin.rejects.jsonl").write_text(order)
    assert run("score", given=order).exit_code == 0
    assert (tmp_path / "stdin.rejects.jsonl").read_text() == order


def test_rejects_that_were_given_a_name_stay(run, tmp_path):
    run("score", "--rejects", "mine.csv", given=HEADER + "D,,x,2,1\n")
    before = (tmp_path / "mine.csv").read_bytes()
    assert run("score", "--rejects", "mine.csv", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "mine.csv").read_bytes() == before


@pytest.mark.parametrize(
    "more", [["--out", "./stdin.rejects.csv"], ["--out", "x.csv", "--rejects", "x.csv"], ["--rejects", "-"]]
)
def test_results_and_rejects_are_not_written_into_one_file(run, tmp_path, more):
    done = run("score", *more, given=HEADER + ROWS)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "refused rows would go there too" in done.stderr


OVER = {
    "results": "--out orders.csv",
    "results through a link": "--out link.csv",
    "results by another name of the file": "--out other.csv",
    "results that standard output appends": ">> orders.csv",
    "refused rows": "--out out.csv --rejects orders.csv",
    "refused rows through a link": "--out out.csv --rejects link.csv",
}


@pytest.mark.parametrize("read", ["./link.csv", "- < orders.csv"])
@pytest.mark.parametrize("more", OVER.values(), ids=OVER)
def test_the_orders_are_not_written_over(shell, tmp_path, read, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + "D,,x,2,1\n")
    (tmp_path / "link.csv").symlink_to("orders.csv")
    os.link(tmp_path / "orders.csv", tmp_path / "other.csv")
    before = sorted(os.listdir(tmp_path))
    done = shell(f"delivery-risk score {read} {more}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": the orders are there, and would be written over; give another FILE.\n")
    assert (tmp_path / "orders.csv").read_text() == HEADER + ROWS + "D,,x,2,1\n"
    assert sorted(os.listdir(tmp_path)) == before


def test_refused_rows_scored_from_standard_input_are_not_written_over_by_their_default_name(shell, tmp_path):
    (tmp_path / "stdin.rejects.csv").write_text(HEADER + ROWS)
    assert shell("delivery-risk score < stdin.rejects.csv").returncode == 2
    assert (tmp_path / "stdin.rejects.csv").read_text() == HEADER + ROWS


@pytest.mark.parametrize("more", ["--out there", "--rejects there", "--out link"])
def test_a_directory_is_no_place_to_write_to_and_nothing_is_written_elsewhere(shell, tmp_path, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + "D,,x,2,1\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    done = shell(f"delivery-risk score orders.csv {more}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: {more.split()[1]}: Is a directory.\n")
    assert sorted(os.listdir(tmp_path)) == ["link", "orders.csv", "there"]


def test_a_directory_that_has_the_default_name_of_the_rejects_is_said_before_anything_is_scored(shell, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    (tmp_path / "orders.rejects.csv").mkdir()
    done = shell("delivery-risk score orders.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Error: orders.rejects.csv: Is a directory.\n")


@pytest.mark.parametrize("more", ["--rejects nowhere/x.csv", "--out out.csv/x.csv", "--out loop"])
def test_a_place_that_cannot_be_is_said_before_anything_is_scored(shell, tmp_path, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "out.csv").write_text("old")
    done = shell(f"delivery-risk score orders.csv {more}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Error: {more.split()[1]}: " in done.stderr


def test_a_device_may_be_all_of_them(shell):
    given = (HEADER + ROWS).replace("\n", "\\n")
    assert shell(f"printf '{given}' | delivery-risk score --rejects /dev/null > /dev/null").returncode == 0
    assert shell("delivery-risk score < /dev/null > /dev/null").stderr.endswith("no column order_id.\n")


def test_an_output_that_is_no_file_is_not_replaced_and_has_no_rejects_beside_it(run, tmp_path):
    (tmp_path / "there").mkdir()
    os.mkfifo(tmp_path / "there" / "pipe")
    with subprocess.Popen(["cat", tmp_path / "there" / "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        done = run("score", "--out", "there/pipe", given=HEADER + ROWS + "D,,x,2,1\n")
        assert len(reader.communicate(timeout=10)[0].splitlines()) == 4
    assert done.exit_code == 1
    assert os.listdir(tmp_path / "there") == ["pipe"]
    assert (tmp_path / "stdin.rejects.csv").exists()
    assert stat.S_ISFIFO((tmp_path / "there" / "pipe").stat().st_mode)


def test_the_help_says_where_refused_rows_go(run):
    said = " ".join(run("score", "--help").stdout.split())
    assert "[NAME.rejects.FORMAT beside --out, else here]" in said
