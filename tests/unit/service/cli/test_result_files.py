"""How results and rejected rows are written: complete or not at all."""

import os
import stat
import subprocess

import pytest

from service.offline.parts import score_parts
from tests.order_files import HEADER, REJECTED, ROWS


def test_if_results_cannot_take_their_name_no_rejected_rows_are_written(run, tmp_path, monkeypatch):
    def replace(source, target, real=os.replace):
        if os.fspath(target).endswith("out.csv"):
            raise PermissionError(1, "Operation not permitted", source)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    (tmp_path / "out.rejects.csv").write_text("old")
    done = run("score", "--out", "out.csv", given=HEADER + ROWS + REJECTED)
    assert (done.exit_code, os.listdir(tmp_path)) == (2, ["out.rejects.csv"])
    assert done.stderr == "Error: out.csv: Operation not permitted.\n"
    assert (tmp_path / "out.rejects.csv").read_text() == "old"


@pytest.mark.parametrize("out", ["/dev/full", "full.gz"])
def test_a_full_device_is_named(run, tmp_path, out):
    (tmp_path / "full.gz").symlink_to("/dev/full")
    done = run("score", "--out", out, given=HEADER + ROWS)
    assert (done.exit_code, done.stderr) == (2, f"Error: {out}: No space left on device.\n")


@pytest.mark.parametrize(("name", "mode"), [("new.csv", 0o600), ("old.csv", 0o600), ("old.csv", 0o664)])
def test_through_a_link_the_file_that_it_leads_to_is_written_and_keeps_its_permissions(run, tmp_path, name, mode):
    results = tmp_path / "results"
    results.mkdir()
    (results / "old.csv").write_text("old")
    (results / "old.csv").chmod(mode)
    (tmp_path / "link.csv").symlink_to(f"results/{name}")
    assert run("score", "--out", "link.csv", given=HEADER + ROWS).exit_code == 0
    assert os.readlink(tmp_path / "link.csv") == f"results/{name}"
    assert (results / name).read_text().count("\n") == 4
    assert (set(os.listdir(results)), stat.S_IMODE((results / "old.csv").stat().st_mode)) == ({"old.csv", name}, mode)


def test_files_whose_names_end_in_gz_are_gzipped_to_the_same_bytes_at_any_time_under_any_name(run, tmp_path, monkeypatch):
    given = HEADER + ROWS + REJECTED
    plain = run("score", "--out", "out.csv", "--rejects", "rejected.csv", given=given)
    packed = run("score", "--out", "out.csv.gz", "--rejects", "rejected.csv.GZ", given=given)
    assert (plain.exit_code, packed.exit_code) == (1, 1)
    for one, other in (("out.csv", "out.csv.gz"), ("rejected.csv", "rejected.csv.GZ")):
        unpacked = subprocess.run(["gunzip", "-c"], input=(tmp_path / other).read_bytes(), capture_output=True, check=True)
        assert unpacked.stdout == (tmp_path / one).read_bytes()
    assert set(os.listdir(tmp_path)) == {"out.csv", "out.csv.gz", "rejected.csv", "rejected.csv.GZ"}
    monkeypatch.setattr("time.time", lambda: 2e9)
    run("score", "--out", "later.gz", "--rejects", "rejected.csv", given=given)
    assert (tmp_path / "later.gz").read_bytes() == (tmp_path / "out.csv.gz").read_bytes()


def test_a_pipe_is_not_replaced(run, tmp_path):
    pipe = tmp_path / "there" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        done = run("score", "--out", "there/pipe", "--rejects", "rejects.csv", given=HEADER + ROWS + REJECTED)
        assert len(reader.communicate(timeout=10)[0].splitlines()) == 4
    assert (done.exit_code, (tmp_path / "rejects.csv").exists()) == (1, True)
    assert (os.listdir(pipe.parent), pipe.is_fifo()) == (["pipe"], True)


def test_a_link_that_was_planted_under_the_name_of_a_draft_is_not_followed(run, tmp_path, monkeypatch):
    (tmp_path / "victim").write_text("precious")
    names = iter(["planted", "planted", "free"])
    monkeypatch.setattr("tempfile._get_candidate_names", lambda: names)
    (tmp_path / ".out.csv.planted").symlink_to("victim")
    (tmp_path / f".out.csv.{os.getpid()}").symlink_to("victim")
    assert run("score", "--out", "out.csv", given=HEADER + ROWS).exit_code == 0
    assert ((tmp_path / "victim").read_text(), (tmp_path / "out.csv").is_symlink()) == ("precious", False)
    assert set(os.listdir(tmp_path)) == {"victim", "out.csv", ".out.csv.planted", f".out.csv.{os.getpid()}"}


def test_two_runs_with_one_process_id_in_two_containers_write_one_or_the_other(run, tmp_path, monkeypatch):
    inner, outer = HEADER + ROWS, HEADER + ROWS.replace("-", "+")

    def overtaken(*arguments):
        monkeypatch.setattr("service.cli.score.score_parts", score_parts)
        assert run("score", "--out", "out.csv", given=inner).exit_code == 0
        assert "A-104" in (tmp_path / "out.csv").read_text()
        return score_parts(*arguments)

    monkeypatch.setattr("service.cli.score.score_parts", overtaken)
    assert run("score", "--out", "out.csv", given=outer).exit_code == 0
    assert [line[:5] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["order", "A+104", "B+208", "C+311"]
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_permissions_that_the_shell_gives_new_files(shell, tmp_path, mask, mode):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    assert shell(f"umask {mask:o}; delivery-risk score orders.csv --out out.csv").returncode == 0
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == mode
