"""What a command uses: all its processes are counted, and none outlives the limit."""

import json
import subprocess
import sys

import pytest

from tests.control_groups import control_group
from tests.facts import ROOT

BUSY = """
import time
memory = b"1" * (64 << 20)
while time.process_time() < 0.6:
    pass
"""
LEAVES = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {!r}], start_new_session=True)
"""
IGNORES = """
import signal, subprocess, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {!r}])
while child.poll() is None:
    time.sleep(0.05)
"""
SLEEPS = "import os, time; print('asleep', os.getpid(), flush=True); time.sleep(60)"


def used(script, seconds=60):
    """What is printed of a script."""
    command = [sys.executable, "-m", "tests.benchmarks.processes", str(seconds), sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", [BUSY, LEAVES.format(BUSY)], ids=["alone", "a process that it leaves"])
def test_the_processes_of_a_command_are_counted(script):
    found = json.loads(used(script).stdout)
    assert 0.6 <= found["seconds"] < 10.0
    assert 64.0 < found["largest"] < 400.0
    assert 64.0 < found["all"] < 400.0
    assert (found["clock"] >= 0.6) == (script == BUSY)


def test_processes_that_nobody_waits_for_are_counted_by_a_control_group():
    with control_group("cpuacct", "tried", ()) as group:
        possible = group is not None  # needs root
    found = json.loads(used(IGNORES.format(BUSY)).stdout)
    assert found["seconds"] >= (0.6 if possible else 0.0)
    assert found["largest"] > 64.0


def test_a_command_that_fails_is_an_error_with_its_last_words():
    done = used("raise SystemExit('no such orders')")
    assert done.returncode == 1
    assert "exited with 1" in done.stderr
    assert "no such orders" in done.stderr


def test_beyond_the_limit_the_processes_that_a_command_leaves_are_killed():
    done = used(LEAVES.format(SLEEPS), 3)
    assert done.returncode == 1
    pid = done.stderr.split("asleep ")[1].split()[0]
    assert not (ROOT / "/proc" / pid).exists()
