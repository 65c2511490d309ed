"""The processes of `score --jobs` end with the command, however it ends; one that is killed ends the command."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.order_files import many
from tests.servers import SIGNALS, default_handlers, until

COMMAND = [sys.executable, "-m", "service.cli", "score", "--format", "csv", "--jobs", "2", "--out", "out.csv"]


def children(process):
    return list(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def scoring(tmp_path):
    """A run with two processes that waits for the rest of its orders, and the ids of the two."""
    (tmp_path / "out.csv").write_text("old")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(COMMAND, cwd=tmp_path, start_new_session=True, preexec_fn=default_handlers, **pipes) as process:
        try:
            process.stdin.write(many(25_000))
            process.stdin.flush()
            assert until(lambda: len(children(process)) == 2)
            yield process, children(process)
        finally:
            process.kill()


def unchanged(folder):
    """Whether the output is as it was before, and nothing is beside it."""
    return os.listdir(folder) == ["out.csv"] and (folder / "out.csv").read_text() == "old"


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_ends_all_processes_without_output(scoring, tmp_path, number, send):
    process, workers = scoring
    send(process.pid, number)
    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == -number
    assert all(map(ended, workers))
    assert unchanged(tmp_path)


def test_a_process_that_is_killed_ends_the_run_with_an_error_and_without_output(scoring, tmp_path):
    process, workers = scoring
    os.kill(workers[0], signal.SIGKILL)
    _, error = process.communicate("end,1,,1,1\n", timeout=20)
    assert (process.returncode, error.splitlines()[-1]) == (
        2,
        "Error: a process of --jobs was killed or not started, perhaps for lack of memory. No file is written; give fewer.",
    )
    assert all(map(ended, workers))
    assert unchanged(tmp_path)


def test_the_processes_end_when_the_command_is_killed(scoring):
    process, workers = scoring
    process.kill()
    assert until(lambda: all(map(ended, workers)))


def test_the_processes_end_when_the_command_has_scored_all(scoring, tmp_path):
    process, workers = scoring
    process.communicate(timeout=20)
    assert (process.returncode, all(map(ended, workers))) == (0, True)
    assert (tmp_path / "out.csv").read_text().count("\n") == 25_001
