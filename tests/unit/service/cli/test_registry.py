import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Feature
from model.registry import versions
from tests.models import one_input
from tests.registries import version_of


@pytest.fixture
def models(run, tmp_path):
    """A store in which versions 8 and 9 stand, 8 current after 7, and the file of 10 outside."""
    directory = tmp_path / "models"
    directory.mkdir()
    for version in ("7", "8", "9", "10"):
        Path(f"{version}.npz").write_bytes(version_of(version))
    for version in "789":
        versions.publish(f"{version}.npz", directory)
    for version in "78":
        versions.promote(version, directory)
    return directory


def test_a_version_is_tried_beside_the_current_one_until_the_trial_ends(run, models):
    assert run("model", "challenge", "9", "--in", models).exit_code == 0
    assert versions.challenger(models).version == "9"
    assert [line[:3] for line in run("model", "list", "--in", models).stdout.splitlines()] == ["  7", "* 8", "+ 9"]
    assert run("model", "challenge", "--none", "--in", models).exit_code == 0
    assert versions.challenger(models) is None


def test_a_challenger_of_other_features_is_refused(run, models):
    made = one_input(features=[Feature("other")])
    model_file.write(replace(made, manifest=replace(made.manifest, version="11")), "11.npz")
    run("model", "publish", "11.npz", "--to", models)
    done = run("model", "challenge", "11", "--in", models)
    assert (done.exit_code, done.stderr) == (
        1,
        f"Error: {models}: manifest.features: not the features of the current version in the same order\n",
    )
    assert versions.challenger(models) is None


@pytest.mark.parametrize("given", [[], ["9", "--none"]])
def test_a_trial_is_of_a_version_or_ends(run, models, given):
    assert run("model", "challenge", *given, "--in", models).exit_code == 2


def order(name, value):
    return json.dumps({"order_id": name, "f0": value})


def test_a_version_is_published_promoted_and_rolled_back(run, models):
    digest = model_file.read("10.npz").sha256
    done = run("model", "publish", "10.npz", "--to", models)
    assert (done.exit_code, done.stdout) == (0, f"{models}: holds made 10 (sha256 {digest})\n")
    assert versions.current(models).version == "8"
    done = run("model", "promote", "10", "--in", models)
    assert (done.exit_code, done.stdout) == (0, f"{models}: 10 is current (sha256 {digest})\n")
    assert versions.current(models).version == "10"
    done = run("model", "rollback", "--in", models)
    assert done.exit_code == 0
    assert "8 is current" in done.stdout
    assert versions.current(models).version == "8"


def test_publishing_again_succeeds_and_other_content_is_refused(run, models):
    assert run("model", "publish", "9.npz", "--to", models).exit_code == 0
    Path("9.npz").write_bytes(version_of("9", weight=2.0))
    done = run("model", "publish", "9.npz", "--to", models)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: {models}: 9.npz: published before with other content; give the model a new version\n"


def test_what_cannot_be_done_is_said_plainly(run, models):
    done = run("model", "promote", "11", "--in", models)
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: version 11: not in the registry\n")
    run("model", "rollback", "--in", models)
    done = run("model", "rollback", "--in", models)
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: CURRENT.json: no earlier version to roll back to\n")


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["rollback", "--in"]])
def test_a_store_that_cannot_be_changed_is_said_plainly(run, models, command):
    (models / ".lock").unlink()
    (models / ".lock").mkdir()
    done = run("model", *command, models)
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: Is a directory\n")


@pytest.mark.parametrize("command", [["publish", "10.npz", "--to"], ["promote", "9", "--in"], ["list", "--in"]])
def test_a_store_is_a_directory_that_is_there(run, models, command):
    assert run("model", *command, "nowhere").exit_code == 2
    assert run("model", *command, "10.npz").exit_code == 2


def test_the_list_shows_each_version_with_its_digest_and_marks_the_current(run, models):
    versions.publish("10.npz", models)
    done = run("model", "list", "--in", models)
    digests = {version: model_file.read(f"{version}.npz").sha256[:12] for version in ("7", "8", "9", "10")}
    expected = [
        f"{'*' if version == '8' else ' '} {version:<2}  {digests[version]}  2026-01-01T00:00:00Z" for version in digests
    ]
    assert (done.exit_code, done.stdout.splitlines(), done.stderr) == (0, expected, "")


def test_the_list_tells_what_is_not_sound_and_goes_on(run, models):
    (models / "7.npz").write_bytes(b"tattletale")
    (models / "8.npz").write_bytes(version_of("8", weight=2.0))
    (models / "8.5.npz").mkdir()
    done = run("model", "list", "--in", models)
    assert done.exit_code == 1
    seven, eight, half, nine = done.stdout.splitlines()
    assert seven == "  7    not sound: 7.npz: not a valid zip archive"
    assert eight.startswith("* 8    not sound: 8.npz: its SHA-256 is ")
    assert half == "  8.5  not sound: 8.5.npz: cannot be read (Is a directory)"
    assert nine.split()[0] == "9"


def test_the_list_tells_a_current_version_whose_file_is_gone(run, models):
    (models / "8.npz").unlink()
    done = run("model", "list", "--in", models)
    assert done.exit_code == 1
    assert "* 8  not sound: 8.npz: cannot be read (No such file or directory)" in done.stdout


def test_the_list_goes_on_where_the_pointer_is_broken(run, models):
    (models / "CURRENT.json").write_text('{"version": "tattletale"}')
    done = run("model", "list", "--in", models)
    assert done.exit_code == 1
    assert done.stderr == f"Error: {models}: CURRENT.json.file: missing; `delivery-risk model promote` begins it anew\n"
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["7", "8", "9"]


def test_the_list_of_a_store_of_which_nothing_was_promoted_marks_nothing(run, models):
    (models / "CURRENT.json").unlink()
    done = run("model", "list", "--in", models)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "*" not in done.stdout


def test_an_empty_store_has_an_empty_list(run, tmp_path):
    done = run("model", "list", "--in", tmp_path)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_scores_come_from_the_current_version(run, models):
    done = run("score", "--model", models, given=order("a", 1))
    assert done.exit_code == 0
    assert "scored by made 8 " in done.stderr
    run("model", "promote", "9", "--in", models)
    assert "scored by made 9 " in run("score", "--model", models, given=order("a", 1)).stderr


def test_the_variable_may_name_a_store(run, models, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_MODEL", str(models))
    assert "scored by made 8 " in run("score", given=order("a", 1)).stderr
    monkeypatch.setenv("DELIVERY_RISK_MODEL_SHA256", "0" * 64)
    done = run("score", given=order("a", 1))
    assert done.exit_code == 2
    assert "CURRENT.json.sha256: not the expected digest" in done.stderr


def test_a_store_is_validated_by_its_current_version(run, models):
    done = run("model", "validate", models)
    assert (done.exit_code, done.stdout.split(" (")[0]) == (0, f"{models}: made 8 is sound")
    (models / "8.npz").write_bytes(version_of("8", weight=2.0))
    assert run("model", "validate", models).exit_code == 1


@pytest.fixture
def candidate(run, models):
    """The file of a version that sees orders the other way round."""
    Path("turned.npz").write_bytes(version_of("11", weight=-1.0))
    Path("orders.jsonl").write_text("\n".join([order("a", 1), order("b", -1), order("c", 3), order("d", "1")]) + "\n")
    return "turned.npz"


def test_diff_tells_queues_and_the_largest_difference(run, models, candidate):
    done = run("model", "diff", "8.npz", candidate, "--on", "orders.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    first, second, counts, queue, score = done.stdout.splitlines()
    assert first.startswith("from        made 8 (sha256 ")
    assert second.startswith("to          made 11 (sha256 ")
    assert counts == "on orders.jsonl: 3 orders, 1 rows refused"
    assert queue == "queue       3 orders change it: 1 from monitor to review, 2 from review to monitor"
    assert score.startswith("score       largest difference 0.")
    assert score.endswith(", order 'c'")


def test_diff_takes_the_current_version_of_a_store(run, models, candidate):
    of_file = run("model", "diff", "8.npz", candidate, "--on", "orders.jsonl").stdout
    assert run("model", "diff", models, candidate, "--on", "orders.jsonl").stdout == of_file


def test_diff_prints_no_order_id_that_would_move_the_cursor(run, models, candidate):
    Path("orders.jsonl").write_text(order("\x1b[2J\n", 1))
    assert r"order '\x1b[2J\n'" in run("model", "diff", "8.npz", candidate, "--on", "orders.jsonl").stdout


def test_diff_follows_the_policy_of_the_service(run, models, candidate, monkeypatch):
    narrow = one_input(features=[Feature("f0", maximum=0.0)])
    model_file.write(narrow, "narrow.npz")
    arguments = ("model", "diff", "8.npz", "narrow.npz", "--on", "orders.jsonl")
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    assert "1 orders, 1 rows refused, 2 scored by one model alone" in run(*arguments).stdout
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "whatever")
    assert run(*arguments).exit_code == 2


def test_diff_refuses_models_of_other_features_by_their_names(run, models, candidate):
    model_file.write(one_input(features=[Feature("backlog")]), "other.npz")
    done = run("model", "diff", "8.npz", "other.npz", "--on", "orders.jsonl")
    expected = "Error: the models do not take the same features: only A has f0, only B has backlog\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", expected)


def test_diff_refuses_a_file_that_is_no_orders(run, models, candidate):
    Path("orders.csv").write_text("order_id,backlog\na,1\n")
    assert run("model", "diff", "8.npz", candidate, "--on", "orders.csv").exit_code == 2


def test_diff_refuses_a_model_that_is_not_sound(run, models, candidate):
    Path("cut.npz").write_bytes(Path("8.npz").read_bytes()[:-40])
    assert run("model", "diff", "8.npz", "cut.npz", "--on", "orders.jsonl").exit_code == 1
