import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Feature
from model.registry import versions
from tests.models import one_input
from tests.registries import holding, version_of

ORDER = json.dumps({"order_id": "a", "f0": 1})


@pytest.fixture
def models(run, tmp_path):
    """A registry of versions 7 to 9, 8 current after 7, and the files of 9 and 10 outside."""
    for version in ("9", "10"):
        Path(f"{version}.npz").write_bytes(version_of(version))
    return holding(tmp_path / "models", "789", "78")


def test_a_version_is_tried_beside_the_current_one_until_the_trial_ends(run, models):
    assert run("model", "challenge", "9", "--in", models).exit_code == 0
    assert versions.challenger(models).version == "9"
    assert [line[:3] for line in run("model", "list", "--in", models).stdout.splitlines()] == ["  7", "* 8", "+ 9"]
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
    made = one_input(features=[Feature("other")])
    model_file.write(replace(made, manifest=replace(made.manifest, version="10")), "10.npz")
    versions.publish("10.npz", models)
    versions.rollback(models)
    done = run("model", *command, models)
    assert (done.exit_code, done.stdout, done.stderr.startswith(f"Error: {models}: {error}")) == (1, "", True)
    assert versions.challenger(models) is None


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["rollback", "--in"]])
def test_a_registry_that_cannot_be_changed_is_named(run, models, command):
    (models / ".lock").unlink()
    (models / ".lock").mkdir()
    done = run("model", *command, models)
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: Is a directory\n")


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["list", "--in"]])
def test_a_registry_is_an_existing_directory(run, models, command):
    assert [run("model", *command, path).exit_code for path in ("nowhere", "10.npz")] == [2, 2]


def test_the_list_shows_each_version_with_its_digest_and_marks_the_current(run, models):
    versions.publish("10.npz", models)
    done = run("model", "list", "--in", models)
    digests = {each: versions.get(models, each).sha256[:12] for each in ("7", "8", "9", "10")}
    expected = [f"{'*' if each == '8' else ' '} {each:<2}  {digests[each]}  2026-01-01T00:00:00Z" for each in digests]
    assert (done.exit_code, done.stdout.splitlines(), done.stderr) == (0, expected, "")
    Path("empty").mkdir()
    assert run("model", "list", "--in", "empty").output == ""


def test_the_list_names_invalid_versions_and_continues(run, models):
    versions.challenge("9", models)
    (models / "7.npz").write_bytes(b"SECRET")
    (models / "8.npz").write_bytes(version_of("8", weight=2.0))
    (models / "8.5.npz").mkdir()
    (models / "9.npz").unlink()
    done = run("model", "list", "--in", models)
    assert (done.exit_code, "SECRET" in done.output) == (1, False)
    seven, eight, half, nine = done.stdout.splitlines()
    assert seven.startswith("  7    invalid: 7.npz: not a ")
    assert eight.startswith("* 8    invalid: 8.npz: its SHA-256 is ")
    assert half == "  8.5  invalid: 8.5.npz: cannot be read (Is a directory)"
    assert nine == "+ 9    invalid: 9.npz: cannot be read (No such file or directory)"


@pytest.mark.parametrize(("content", "code"), [('{"version": "SECRET"}', 1), (None, 0)], ids=["invalid", "missing"])
def test_the_list_without_a_current_version_marks_none(run, models, content, code):
    (models / "CURRENT.json").unlink()
    if content:
        (models / "CURRENT.json").write_text(content)
    done = run("model", "list", "--in", models)
    error = f"Error: {models}: CURRENT.json.file: missing; `delivery-risk model promote` replaces it\n" if content else ""
    assert (done.exit_code, done.stderr) == (code, error)
    assert [line[:3] for line in done.stdout.splitlines()] == ["  7", "  8", "  9"]


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
