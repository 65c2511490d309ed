"""What is wrong with a model is said under the path that was given, by whichever command meets it."""

import numpy as np
import pytest

from model.artifact import model_file
from model.errors import BadManifest
from model.packaged import packaged_model
from service.cli.model_errors import said
from tests.registries import publish

ORDERS = "order_id,route_disruption,backlog,weather_severity\nA,1,1,1\n"
COMMANDS = {
    "serve": (1, ["serve", "--model"]),
    "score": (2, ["score", "orders.csv", "--model"]),
    "validate": (1, ["model", "validate"]),
    "inspect": (1, ["model", "inspect"]),
    "publish": (1, ["model", "publish", "--to", "store"]),
    "diff": (1, ["model", "diff", "--on", "orders.csv", "sound.npz"]),
    "card": (1, ["model", "card", "--on", "orders.csv", "--version", "2", "--out", "out.npz"]),
}


@pytest.fixture
def told(run, tmp_path):
    """What a command that fails says of this path."""
    (tmp_path / "store").mkdir()
    (tmp_path / "orders.csv").write_text(ORDERS)
    model_file.write(packaged_model(), tmp_path / "sound.npz")

    def told(command, path):
        code, arguments = COMMANDS[command]
        done = run(*arguments, path)
        assert (done.exit_code, done.stdout) == (code, "")
        return done.stderr.splitlines()[-1].removeprefix("Error: ")

    return told


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_model_is_named(told, tmp_path, command):
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    assert told(command, "broken.npz") == "broken.npz: not a valid zip archive"


@pytest.mark.parametrize("command", ["serve", "score"])
def test_a_path_that_leads_nowhere_is_named(told, command):
    assert told(command, "nowhere.npz") == "nowhere.npz: cannot be read (No such file or directory)"


@pytest.mark.parametrize("command", ["serve", "score", "validate", "diff", "card"])
def test_a_store_is_named_beside_the_place_in_it(told, command):
    assert told(command, "store") == "store: CURRENT.json: not found; no version was promoted yet"


@pytest.mark.parametrize("command", COMMANDS)
def test_training_arrays_in_the_place_of_a_model_are_told_what_makes_one_of_them(told, tmp_path, command):
    np.savez(tmp_path / "trained.npz", feature_names=np.array(["backlog"]), mean=np.zeros(1), scale=np.ones(1))
    said = told(command, "trained.npz")
    assert said.startswith("trained.npz: feature_names: not an array of the format; ")
    assert "`delivery-risk model import`" in said


def test_the_variable_is_a_path_too(told, run, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_MODEL", "/nowhere")
    assert run("serve").stderr == "Error: /nowhere: cannot be read (No such file or directory)\n"


def test_a_file_that_cannot_be_imported_is_named_once(run, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    done = run("model", "import", "broken.npz", "--name=a", "--version=1", "--threshold=0.5", "--out=out.npz")
    assert done.stderr == "Error: broken.npz: not a valid zip archive\n"


STORES = {"rollback": ["model", "rollback", "--in"], "challenge": ["model", "challenge", "1", "--in"]}


@pytest.mark.parametrize("command", ["serve", "validate", "rollback", "challenge"])
def test_a_pointer_that_is_broken_is_told_what_begins_it_anew(run, tmp_path, command):
    (tmp_path / "store").mkdir()
    publish(tmp_path / "store", "1")
    (tmp_path / "store" / "CURRENT.json").write_text("{")
    done = run(*(STORES.get(command) or COMMANDS[command][1]), "store")
    said = "Error: store: CURRENT.json: not strict UTF-8 JSON; `delivery-risk model promote` begins it anew\n"
    assert (done.exit_code, done.stderr) == (1, said)
    done = run("model", "promote", "1", "--in", "store")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "); CURRENT.json: not strict UTF-8 JSON, so it was kept as BROKEN.json, and there is nothing to roll back to\n"
    )
    assert run("model", "validate", "store").exit_code == 0


def test_a_name_of_a_file_that_would_steer_the_terminal_is_escaped():
    assert (
        said("a.npz", BadManifest("manifest.provenance.a\x9b2J", "too long")) == r"a.npz: manifest.provenance.a\x9b2J: too long"
    )
