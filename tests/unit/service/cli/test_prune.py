"""`decisions prune`: old files go, files in use and young ones stay."""

import os
from time import time

import pytest

from service.decisions.log_files import LogFiles

DAY = 86_400


@pytest.fixture
def folder(tmp_path):
    """A log with an old file, an old one in use, a young one, old outcomes, and a file of another kind."""
    for name, days in (
        ("decisions-a-0-0.jsonl.gz", 401),
        ("decisions-a-0-1.jsonl", 401),
        ("decisions-a-0-1.jsonl.gz", 401),
        ("decisions-a-0-2.jsonl.gz", 399),
        ("outcomes-a-0-0.jsonl.gz", 401),
        ("notes.txt", 401),
    ):
        (tmp_path / name).write_bytes(b"x\n")
        os.utime(tmp_path / name, (time() - days * DAY,) * 2)
    return tmp_path


def test_old_files_of_both_kinds_are_removed(folder, run):
    done = run("decisions", "prune", "--older-than", "400d", str(folder))
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {"decisions-a-0-2.jsonl.gz", "notes.txt"}
    assert len(done.stdout.splitlines()) == 3
    assert "3 files removed" in done.stderr


def test_a_dry_run_removes_nothing(folder, run):
    before = sorted(folder.iterdir())
    done = run("decisions", "prune", "--older-than", "400d", "--dry-run", str(folder))
    assert sorted(folder.iterdir()) == before
    assert "3 files would be removed" in done.stderr


def test_a_file_in_use_is_kept_at_any_age(tmp_path, run):
    files = LogFiles(str(tmp_path), "decisions", 0)
    files.append(b"{}\n")
    (path,) = tmp_path.iterdir()
    os.utime(path, (1e9, 1e9))
    assert run("decisions", "prune", "--older-than", "1d", str(tmp_path)).exit_code == 0
    assert path.exists()


@pytest.mark.parametrize("given", ["400", "d", "-1d", "1y"])
def test_an_age_that_is_no_number_of_days_is_a_usage_error(tmp_path, run, given):
    done = run("decisions", "prune", "--older-than", given, str(tmp_path))
    assert (done.exit_code, "400d" in done.stderr) == (2, True)
