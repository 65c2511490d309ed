import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.registry import journal, versions
from tests.models import one_input
from tests.registries import version_of

ORDER = json.dumps({"order_id": "a", "f0": 1})


def test_a_version_is_tried_beside_the_current_one_until_the_trial_ends(run, models):
    assert run("model", "challenge", "9", "--in", models).exit_code == 0
    assert versions.challenger(models).version == "9"
    assert [line[:3] for line in run("model", "list", "--in", models).stdout.splitlines()[1:]] == ["  7", "* 8", "+ 9"]
    assert run("model", "challenge", "--none", "--in", models).exit_code == 0
    assert versions.challenger(models) is None
    assert [run("model", "challenge", *given, "--in", models).exit_code for given in ([], ["9", "--none"])] == [2, 2]


def test_a_version_is_published_promoted_and_rolled_back(run, models):
    digest = model_file.read("10.npz").sha256
    for command, printed, current in (
        (["publish", "10.npz", "--to"], f"holds made 10 (sha256 {digest})", "8"),
        (["publish", "10.npz", "--to"], f"holds made 10 (sha256 {digest})", "8"),
        (["promote", "10", "--in"], f"10 is current (sha256 {digest})", "10"),
        (["rollback", "--in"], f"8 is current (sha256 {versions.get(models, '8').sha256})", "8"),
    ):
        done = run("model", *command, models)
        assert (done.exit_code, done.stdout) == (0, f"{models}: {printed}\n")
        assert versions.current(models).version == current


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["publish", "other.npz", "--to"], "9.npz: published before with other content; "),
        (["promote", "11", "--in"], "version 11: not in the registry"),
        (["rollback", "--in"], "CURRENT.json: no earlier version"),
        (["challenge", "10", "--in"], "manifest.features: "),
    ],
)
def test_what_cannot_be_done_is_an_error_of_the_registry(run, models, command, error):
    Path("other.npz").write_bytes(version_of("9", weight=2.0))
    made = one_input(inputs=[Input("other")])
    model_file.write(replace(made, manifest=replace(made.manifest, version="10")), "10.npz")
    versions.publish("10.npz", models)
    versions.rollback(models)
    done = run("model", *command, models)
    assert (done.exit_code, done.stdout, done.stderr.startswith(f"Error: {models}: {error}")) == (1, "", True)
    assert versions.challenger(models) is None


REASONED = {
    "promote": (["promote", "9"], "promote"),
    "rollback": (["rollback"], "rollback"),
    "challenge": (["challenge", "9"], "challenge"),
    "challenge --none": (["challenge", "--none"], "end_trial"),
}


@pytest.mark.parametrize(("command", "action"), REASONED.values(), ids=REASONED)
def test_the_journal_keeps_the_message_of_a_change_and_a_message_of_another_form_changes_nothing(run, models, command, action):
    versions.challenge("7", models)
    for message in ("x" * 1001, b"\xff".decode(errors="surrogateescape")):
        done = run("model", *command, "--in", models, "--message", message)
        assert (done.exit_code, "'--message': expected a text of at most 1,000 characters." in done.stderr) == (2, True)
    assert run("model", *command, "--in", models, "--message", "rain").exit_code == 0
    *_, challenge, changed = journal.read(models).entries[:4]
    assert (challenge.action, changed.action, changed.message) == ("challenge", action, "rain")


def test_a_journal_that_cannot_be_written_is_named_and_nothing_is_promoted(run, models):
    (models / "JOURNAL.jsonl").unlink()
    (models / "JOURNAL.jsonl").mkdir()
    done = run("model", "promote", "9", "--in", models)
    error = f"Error: {models}: JOURNAL.jsonl: cannot be written (Is a directory), so nothing was changed; "
    assert (done.exit_code, done.stderr.startswith(error), versions.current(models).version) == (1, True, "8")


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["rollback", "--in"]])
def test_a_registry_that_cannot_be_changed_is_named(run, models, command):
    (models / ".lock").unlink()
    (models / ".lock").mkdir()
    done = run("model", *command, models)
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: Is a directory\n")


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["list", "--in"]])
def test_a_registry_is_an_existing_directory(run, models, command):
    assert [run("model", *command, path).exit_code for path in ("nowhere", "10.npz")] == [2, 2]


def test_a_registry_by_option_or_variable_means_its_current_version(run, models, monkeypatch):
    done = run("score", "--model", models, given=ORDER)
    assert (done.exit_code, "scored by made 8 " in done.stderr) == (0, True)
    assert run("model", "validate", models).stdout.startswith(f"{models}: made 8 is valid (")
    run("model", "promote", "9", "--in", models)
    monkeypatch.setenv("DELIVERY_RISK_MODEL", str(models))
    assert "scored by made 9 " in run("score", given=ORDER).stderr
    monkeypatch.setenv("DELIVERY_RISK_MODEL_SHA256", "0" * 64)
    done = run("score", given=ORDER)
    assert (done.exit_code, "CURRENT.json.sha256: " in done.stderr) == (2, True)
