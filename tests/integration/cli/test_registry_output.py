"""A change of a registry succeeds even if its message cannot be written."""

import os
import subprocess
import sys

import pytest

from model.registry import versions
from tests.registries import holding, version_of

COMMANDS = {
    "publish": (["publish", "9.npz", "--to"], "holds made 9 "),
    "promote": (["promote", "3", "--in"], "3 is current "),
    "rollback": (["rollback", "--in"], "1 is current "),
    "challenge": (["challenge", "3", "--in"], "3 is tried beside "),
}


@pytest.fixture
def models(tmp_path):
    """A registry of versions 1 to 3, of which 2 is current after 1, and the file of 9 beside it."""
    (tmp_path / "9.npz").write_bytes(version_of("9"))
    return holding(tmp_path / "models", "123", "12")


@pytest.fixture
def nowhere(request):
    """A full device, or the end of a pipe without a reader."""
    reads, writes = os.pipe()
    os.close(reads)
    with open("/dev/full", "w") as full, open(writes, "w") as broken:
        yield {"full": full, "broken": broken}[request.param]


def run(models, command, **streams):
    arguments = [sys.executable, "-m", "service.cli", "model", *COMMANDS[command][0], "models"]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run(arguments, cwd=models.parent, text=True, check=False, timeout=60, **given)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("nowhere", ["full", pytest.param("broken", marks=pytest.mark.long)], indirect=True)
def test_a_change_whose_message_cannot_be_written_succeeds_and_prints_it_on_standard_error(models, command, nowhere):
    done = run(models, command, stdout=nowhere)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith(f"models: {COMMANDS[command][1]}")


@pytest.mark.parametrize("nowhere", ["full", "broken"], indirect=True)
def test_a_rollback_that_can_print_nothing_succeeds_once(models, nowhere):
    assert run(models, "rollback", stdout=nowhere, stderr=nowhere).returncode == 0
    assert versions.current(models).version == "1"


def test_a_rollback_without_standard_output_succeeds(models):
    line = [sys.executable, "-m", "service.cli", "model", "rollback", "--in", str(models)]
    assert subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *line], check=False, timeout=60).returncode == 0
    assert versions.current(models).version == "1"
