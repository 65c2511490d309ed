"""Where refused rows go, and that none of an earlier run are taken for this one's."""

import json
import os
import stat
import subprocess

import pytest

from tests.service.cli.test_score import HEADER, ROWS


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


@pytest.mark.parametrize("more", [["--out", "./stdin.rejects.csv"], ["--out", "x.csv", "--rejects", "x.csv"]])
def test_results_and_rejects_are_not_written_into_one_file(run, tmp_path, more):
    done = run("score", *more, given=HEADER + ROWS)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "refused rows would go there too" in done.stderr


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
