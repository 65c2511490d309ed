"""Streams of Arrow changed at random, in a process of their own: each is scored as pyarrow reads it, or rejected."""

import json
import subprocess
import sys

import pytest

from tests.facts import ROOT

MIB = 2**20


@pytest.mark.parametrize("mutants", [5_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_a_stream_changed_at_random_is_scored_as_pyarrow_reads_it_or_rejected(mutants):
    command = [sys.executable, "-m", "tests.arrow_mutants", "0", str(mutants)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["grown"] <= 8 * MIB
    seen = found["seen"]
    assert seen.keys() == {"200", "400", "422", "compared", "not verified"}
    assert all(seen[status] > mutants / 50 for status in ("200", "400", "422", "compared")), seen
    assert seen["not verified"] < mutants / 50
