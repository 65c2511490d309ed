"""A run that is killed at any moment is completed by the next one: all files are those of an unbroken run."""

import json
import os
import subprocess
import sys

import pytest

from tests.facts import ROOT

LONGEST = [pytest.mark.long, pytest.mark.longest]


def counts(mode, kills, rows, jobs):
    """What the module prints at its end, run in a process of its own that has one thread."""
    command = [sys.executable, "-m", "tests.integration.bulk.killing", mode, *map(str, (kills, rows, jobs, "seed"))]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("kills", "rows", "jobs"),
    [(3, 4000, 1), (3, 4000, 2), pytest.param(30, 20_000, 1, marks=LONGEST), pytest.param(30, 20_000, 2, marks=LONGEST)],
)
def test_a_run_killed_at_moments_drawn_over_its_time_is_completed_with_the_same_files(kills, rows, jobs):
    found = counts("moments", kills, rows, jobs)
    assert found["killed"] + found["ended before"] == kills
    assert found["killed"] > kills // 2
    assert found["left drafts"] > 0


@pytest.mark.parametrize("kills", [12, pytest.param(600, marks=LONGEST)])
def test_a_run_killed_at_a_system_call_is_completed_with_the_same_files(kills):
    found = counts("calls", kills, 20, 1)
    assert found["stops"] > 500
    assert found["killed"] == kills
    assert found["left drafts"] > kills // 4
