"""An error of a model is reported under the path that the user gave, by every command."""

import numpy as np
import pytest

from model.artifact import model_file
from model.errors import BadManifest
from model.packaged import packaged_model
from service.cli.loading import message
from tests.order_files import ONE
from tests.registries import publish

COMMANDS = {
    "serve": (1, ["serve", "--model"]),
    "score": (2, ["score", "orders.csv", "--model"]),
    "validate": (1, ["model", "validate"]),
    "inspect": (1, ["model", "inspect"]),
    "publish": (1, ["model", "publish", "--to", "registry"]),
    "diff": (1, ["model", "diff", "--on", "orders.csv", "valid.npz"]),
    "card": (1, ["model", "card", "--on", "orders.csv", "--version", "2", "--out", "out.npz"]),
    "rollback": (1, ["model", "rollback", "--in"]),
    "challenge": (1, ["model", "challenge", "1", "--in"]),
}
ON_FILES = [*COMMANDS][:7]
PATHS = {
    "broken.npz": (ON_FILES, "not a ", ""),
    "nowhere.npz": (["serve", "score"], "cannot be read (No such file or directory)", ""),
    "registry": (["serve", "score", "validate", "diff", "card"], "CURRENT.json: not found; no version was promoted yet", ""),
    "trained.npz": (ON_FILES, "feature_names: ", "`delivery-risk model import`"),
}


@pytest.fixture
def error(run, tmp_path):
    """The error of a command on this path."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "trained.npz", feature_names=np.array(["backlog"]), mean=np.zeros(1), scale=np.ones(1))
    (tmp_path / "orders.csv").write_text(ONE)
    model_file.write(packaged_model(), tmp_path / "valid.npz")

    def error(command, path):
        code, arguments = COMMANDS[command]
        done = run(*arguments, path)
        assert (done.exit_code, done.stdout) == (code, "")
        return done.stderr.splitlines()[-1].removeprefix("Error: ")

    return error


@pytest.mark.parametrize(("command", "path"), [(command, path) for path in PATHS for command in PATHS[path][0]])
def test_a_path_is_named_with_the_place_in_it_and_for_training_arrays_the_command_that_imports_them(error, command, path):
    _, reason, advice = PATHS[path]
    found = error(command, path)
    assert (found.startswith(f"{path}: {reason}"), found.endswith(advice)) == (True, True)


def test_the_variable_is_a_path_too(error, run, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_MODEL", "/nowhere")
    assert run("serve").stderr == "Error: /nowhere: cannot be read (No such file or directory)\n"


@pytest.mark.usefixtures("error")
def test_a_file_that_cannot_be_imported_is_named_once(run):
    done = run("model", "import", "broken.npz", "--name=a", "--version=1", "--threshold=0.5", "--out=out.npz")
    assert (done.stderr.startswith("Error: broken.npz: not a "), done.stderr.count("broken.npz")) == (True, 1)


@pytest.mark.parametrize("command", ["serve", "validate", "rollback", "challenge"])
def test_for_an_invalid_reference_the_error_names_the_command_that_replaces_it(error, run, tmp_path, command):
    publish(tmp_path / "registry", "1")
    (tmp_path / "registry" / "CURRENT.json").write_text("{")
    reason = "CURRENT.json: not strict UTF-8 JSON"
    assert error(command, "registry") == f"registry: {reason}; `delivery-risk model promote` replaces it"
    done = run("model", "promote", "1", "--in", "registry")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(f"); {reason}, so it is kept as BROKEN.json and there is nothing to roll back to\n")
    assert run("model", "validate", "registry").exit_code == 0


def test_a_name_in_a_file_cannot_control_the_terminal():
    error = BadManifest("manifest.provenance.a\x9b2J", "too long")
    assert message("a.npz", error) == r"a.npz: manifest.provenance.a\x9b2J: too long"
