"""Where results and refused rows are written: all of it or nothing, and as other programs would."""

import csv
import os
import stat
import subprocess

import pytest

from tests.unit.service.cli.test_score import HEADER, ROWS

REFUSED = "D,,x,2,1\n"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_where_results_cannot_take_their_name_no_refused_rows_are_written(run, tmp_path, monkeypatch):
    def replace(source, target, real=os.replace):
        if os.fspath(target).endswith("out.csv"):
            raise PermissionError(1, "Operation not permitted", source)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    (tmp_path / "stdin.rejects.csv").write_text("old")
    done = run("score", "--out", "out.csv", given=HEADER + ROWS + REFUSED)
    assert (done.exit_code, names(tmp_path)) == (2, ["stdin.rejects.csv"])
    assert done.stderr == "Error: out.csv: Operation not permitted.\n"
    assert (tmp_path / "stdin.rejects.csv").read_text() == "old"


def test_what_does_not_fit_is_said_of_the_file_that_it_was_written_to(shell, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + REFUSED * 30_000)
    done = shell("ulimit -f 200; delivery-risk score orders.csv --out out.csv")
    assert (done.returncode, done.stderr) == (2, "Error: orders.rejects.csv: File too large.\n")
    assert names(tmp_path) == ["orders.csv"]


@pytest.mark.parametrize("out", ["/dev/full", "full.gz"])
def test_a_device_that_takes_nothing_is_named(run, tmp_path, out):
    (tmp_path / "full.gz").symlink_to("/dev/full")
    done = run("score", "--out", out, given=HEADER + ROWS)
    assert (done.exit_code, done.stderr) == (2, f"Error: {out}: No space left on device.\n")


def test_a_pipe_whose_reader_leaves_ends_it_quietly_and_leaves_nothing(shell, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + REFUSED + "".join(f"{number},3,,2,1\n" for number in range(30_000)))
    done = shell("mkfifo pipe; head -n 1 pipe & delivery-risk score orders.csv --out pipe; echo $?; wait")
    assert (done.stdout.splitlines()[-1], done.stderr) == ("141", "")
    assert names(tmp_path) == ["orders.csv", "pipe"]


@pytest.mark.parametrize("name", ["new.csv", "old.csv"])
def test_through_a_link_the_file_that_it_leads_to_is_written(run, tmp_path, name):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(f"results/{name}")
    assert run("score", "--out", "link.csv", given=HEADER + ROWS).exit_code == 0
    assert os.readlink(tmp_path / "link.csv") == f"results/{name}"
    assert (tmp_path / "results" / name).read_text().count("\n") == 4
    assert names(tmp_path / "results") == sorted({"old.csv", name})


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_that_is_written_anew_keeps_its_permissions(run, tmp_path, mode):
    (tmp_path / "out.csv").touch(mode)
    (tmp_path / "out.csv").chmod(mode)
    assert run("score", "--out", "out.csv", given=HEADER + ROWS).exit_code == 0
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == mode


def test_files_whose_names_end_in_gz_are_gzipped(run, tmp_path):
    given = HEADER + ROWS + REFUSED
    plain = run("score", "--out", "out.csv", "--rejects", "refused.csv", given=given)
    packed = run("score", "--out", "out.csv.gz", "--rejects", "refused.csv.GZ", given=given)
    assert (plain.exit_code, packed.exit_code) == (1, 1)
    for one, other in (("out.csv", "out.csv.gz"), ("refused.csv", "refused.csv.GZ")):
        unpacked = subprocess.run(["gunzip", "-c"], input=(tmp_path / other).read_bytes(), capture_output=True, check=True)
        assert unpacked.stdout == (tmp_path / one).read_bytes()
    assert names(tmp_path) == ["out.csv", "out.csv.gz", "refused.csv", "refused.csv.GZ"]


def test_gzipped_results_are_the_same_bytes_whenever_and_wherever_they_are_made(run, tmp_path, monkeypatch):
    assert run("score", "--out", "a.csv.gz", given=HEADER + ROWS).exit_code == 0
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert run("score", "--out", "b.csv.gz", given=HEADER + ROWS).exit_code == 0
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_gzipped_refused_rows_once_mended_can_be_scored_as_they_are(run, shell):
    run("score", "--rejects", "refused.csv.gz", given=HEADER + REFUSED)
    done = shell("gunzip refused.csv.gz; sed -i s/D,,/D,3,/ refused.csv; gzip refused.csv; delivery-risk score refused.csv.gz")
    assert [row["order_id"] for row in csv.DictReader(done.stdout.splitlines())] == ["D"]
