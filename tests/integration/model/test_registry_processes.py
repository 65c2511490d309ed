"""The registry while processes are killed, and while several change it at once."""

import json
import os
import subprocess
import sys

import pytest

from tests.facts import ROOT
from tests.integration.model.killing import SCENARIOS

SHORT = ("publish", "promote", "rollback", "challenge", "promote the challenger")


def counts(module, *arguments):
    """What the module prints at its end, run in a process of its own that has one thread."""
    command = [sys.executable, "-m", f"tests.integration.model.{module}", *map(str, arguments)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", SHORT)
def test_a_command_killed_at_any_system_call_leaves_the_registry_complete_and_is_repeated(scenario):
    found = counts("killing", scenario, 0)
    assert found["stops"] > 50
    assert found["writes"] == 5


@pytest.mark.long
@pytest.mark.longest
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_command_killed_twice_leaves_the_registry_complete_and_is_repeated(scenario):
    assert counts("killing", scenario, 500)["twice"] == 500


@pytest.mark.parametrize("rounds", [4, pytest.param(250, marks=[pytest.mark.long, pytest.mark.longest])])
def test_two_publishers_and_two_promoters_at_once_lose_nothing(rounds):
    found = counts("racing", rounds)
    assert (found["publications"], found["promotions"], found["rollbacks"]) == (6 * rounds, 4 * rounds, 2 * rounds)
