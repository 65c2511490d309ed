"""delivery-risk bulk: what it prints, and how it exits."""

import sys

import pytest

from service.cli.bulk import run as command
from service.offline.pool import WorkerLost
from tests.order_files import HEADER, REJECTED, ROWS


@pytest.fixture
def orders(tmp_path):
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "a.csv").write_text(HEADER + ROWS)
    (folder / "b.csv").write_text(HEADER + ROWS + REJECTED)
    return folder


@pytest.mark.parametrize("name", [[], ["run"]])
def test_files_are_scored_and_counted_also_where_rows_are_rejected(run, orders, tmp_path, name):
    done = run("bulk", *name, "orders", "out")
    assert done.exit_code == 0
    assert "2 of 2 files: 2 scored, 0 already scored, 0 failed; 7 rows: 4 to review, 2 to monitor, 1 rejected." in done.stderr
    assert "The set is complete" in done.stderr
    run("score", "orders/b.csv", "--out", "one.csv", "--rejects", "rejects.csv")
    assert (tmp_path / "out/b.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    assert (tmp_path / "out/_rejects/b.csv").read_bytes() == (tmp_path / "rejects.csv").read_bytes()


def test_a_second_run_skips_what_is_scored(run, orders):
    run("bulk", "orders", "out")
    done = run("bulk", "orders", "out")
    assert "0 scored, 2 already scored, 0 failed; 7 rows" in done.stderr


def test_a_file_that_fails_is_named_and_the_others_are_scored(run, orders, tmp_path):
    (orders / "c.csv").write_text("order_id,backlog\n")
    (orders / "\x1b[2Jd.txt").write_text("")
    done = run("bulk", "orders", "out")
    assert done.exit_code == 1
    assert "c.csv: the header has no column route_disruption" in done.stderr
    assert "\n\\x1b[2Jd.txt: its name ends in none of .parquet" in f"\n{done.stderr}"
    assert "2 scored, 0 already scored, 2 failed" in done.stderr
    assert not (tmp_path / "out/_SUCCESS.json").exists()


@pytest.mark.parametrize("value", ["1", "1/1", "2/1", "-1/2", "a/b", "0/0", "٠/١"])
def test_a_shard_has_a_number_below_their_count(run, orders, value):
    done = run("bulk", "orders", "out", "--shard", value)
    assert (done.exit_code, "expected I/N" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheduler", "127.0.0.1:1"], "--scheduler needs --engine dask beside it"),
        (["--rename", "nothing=x"], "--rename nothing: the model has no such input"),
    ],
)
def test_options_that_do_not_fit_end_the_run(run, orders, tmp_path, options, message):
    done = run("bulk", "orders", "out", *options)
    assert (done.exit_code, message in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("module", "extra", "options"), [("pyarrow", "bulk", []), ("distributed", "dask", ["--engine", "dask"])]
)
def test_what_is_not_installed_is_named_by_its_extra(run, orders, monkeypatch, module, extra, options):
    monkeypatch.delitem(sys.modules, "service.bulk.dask_engine", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    done = run("bulk", "orders", "out", *options)
    assert (done.exit_code, f"pip install 'delivery-risk[{extra}]'" in done.stderr) == (2, True)


def test_a_lost_process_ends_the_run_with_what_to_do(run, orders, monkeypatch):
    def lost(*_):
        raise WorkerLost

    monkeypatch.setattr(command, "_score", lost)
    done = run("bulk", "orders", "out")
    assert (done.exit_code, "Run it again to go on" in done.stderr) == (2, True)


def test_the_help_of_the_group_names_its_commands(run):
    done = run("bulk", "--help")
    assert (done.exit_code, "run" in done.stdout) == (0, True)
