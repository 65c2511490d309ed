"""Files that are not valid models: each is rejected with its error class and location, in little memory."""

import json
import os
import pickle
import subprocess
import sys

import pytest

from model.artifact import model_file
from model.errors import BadArray
from tests.facts import ROOT
from tests.model_files import GOOD, Trap, changed, rejects
from tests.unit.model.artifact.broken_arrays import ARRAYS
from tests.unit.model.artifact.broken_models import MODELS
from tests.unit.model.artifact.broken_zips import BOMBS, ZIPS

FILES = {
    **{f"zip: {name}": row for name, row in (ZIPS | BOMBS).items()},
    **{f"array: {name}": (changed({"mean.npy": content}), BadArray, "mean") for name, content in ARRAYS.items()},
    **{f"model: {name}": row for name, row in MODELS.items()},
}
# A manifest of 2 MB that is all empty lists takes 50 MB, a bomb twice the 16 MB that any file may hold.
LITTLE = 80 * 2**20


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Where each file is, by its name."""
    folder = tmp_path_factory.mktemp("broken")
    found = {name: folder / f"{number}.npz" for number, name in enumerate(FILES)}
    for name, (data, *_) in FILES.items():
        found[name].write_bytes(data() if callable(data) else data)
    return found


@pytest.fixture(scope="module")
def witness(paths):
    """A fresh process that reads every file, beside the tests that read them here."""
    folder = next(iter(paths.values())).parent
    (folder / "good.npz").write_bytes(GOOD)
    module = "tests.integration.model.memory_witness"
    command = [sys.executable, "-m", module, "good.npz", *(path.name for path in paths.values())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_rejected_by_what_is_wrong_in_it(name, paths):
    with rejects(*FILES[name][1:]):
        model_file.read(paths[name])


@pytest.fixture(scope="module")
def witnessed(witness, paths):
    """The report of the fresh process for each file, by name, and how far it grew."""
    stated, failure = witness.communicate(timeout=120)
    assert witness.returncode == 0, failure.decode()
    found = json.loads(stated)
    return dict(zip(paths, found["files"], strict=True)), found["grown"]


def test_a_fresh_process_rejects_every_file_by_the_same_error(witnessed):
    expected = {name: [error.__name__, location] for name, (_, error, location) in FILES.items()}
    assert {name: each["outcome"] for name, each in witnessed[0].items()} == expected


def test_no_file_costs_more_than_a_little_memory_and_nothing_in_it_is_executed(witnessed, paths):
    files, grown = witnessed
    assert {name: each["peak"] for name, each in files.items() if each["peak"] >= LITTLE} == {}
    assert grown < LITTLE
    assert {event for each in files.values() for event in each["events"]} <= {"open"}
    assert not any(path.with_name("sprung").exists() for path in paths.values())


def test_the_trap_in_those_files_acts_when_it_is_unpickled(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()
