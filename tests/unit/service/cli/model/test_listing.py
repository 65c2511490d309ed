"""delivery-risk model list and log: what they print of a registry and its journal."""

import json
from pathlib import Path

import pytest

from model.registry import versions
from service import config
from tests.registries import holding, publish, version_of


def test_the_list_shows_each_version_with_its_digest_and_marks_the_current(run, models):
    versions.publish("10.npz", models)
    done = run("model", "list", "--in", models)
    digests = {each: versions.get(models, each).sha256[:12] for each in ("7", "8", "9", "10")}
    entries = map(json.loads, (models / "JOURNAL.jsonl").read_text().splitlines())
    promoted = {entry["to"]["version"]: f"  {entry['time']}  {entry['user']}@{entry['host']}" for entry in entries}
    content = "2026-01-01T00:00:00Z  0.5        1       "
    marks = {"8": "*"}
    expected = [
        f"{marks.get(each, ' ')} {each:<7}  {digest}  {content}{promoted.get(each, '')}" for each, digest in digests.items()
    ]
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["version", "sha256", "created", "threshold", "features", "promoted", "by"]
    assert (done.exit_code, lines, done.stderr) == (0, [line.rstrip() for line in expected], "")
    Path("empty").mkdir()
    assert run("model", "list", "--in", "empty").output == ""


def test_the_list_marks_an_illustrative_version_which_needs_force_to_replace_another(run, tmp_path):
    models = holding(tmp_path / "models", "", "")
    publish(models, "8", name="delivery-risk")
    versions.publish(config.DEFAULT_MODEL, models)
    run("model", "promote", "8", "--in", models)
    _, toy, own = run("model", "list", "--in", models).stdout.splitlines()
    assert ("1.0.0 (illustrative)" in toy, "illustrative" in own) == (True, False)
    listed = json.loads(run("model", "list", "--json", "--in", models).stdout)
    assert [each["illustrative"] for each in listed] == [True, False]
    done = run("model", "promote", "1.0.0", "--in", models)
    reason = "illustrative, and the current version is not; give --force to promote it all the same"
    assert (done.exit_code, done.stderr) == (1, f"Error: {models}: version 1.0.0: {reason}\n")
    assert run("model", "promote", "1.0.0", "--force", "--in", models).stdout.startswith(f"{models}: 1.0.0 is current ")


def test_the_list_names_invalid_versions_and_continues(run, models):
    versions.challenge("9", models)
    (models / "7.npz").write_bytes(b"SECRET")
    (models / "8.npz").write_bytes(version_of("8", weight=2.0))
    (models / "8.5.npz").mkdir()
    (models / "9.npz").unlink()
    done = run("model", "list", "--in", models)
    assert (done.exit_code, "SECRET" in done.output) == (1, False)
    _, seven, eight, half, nine = done.stdout.splitlines()
    assert seven.startswith("  7        invalid: 7.npz: not a ")
    assert eight.startswith("* 8        invalid: 8.npz: its SHA-256 is ")
    assert half == "  8.5      invalid: 8.5.npz: cannot be read (Is a directory)"
    assert nine == "+ 9        invalid: 9.npz: cannot be read (No such file or directory)"
    listed = json.loads(run("model", "list", "--in", models, "--json").stdout)
    assert [each["sha256"] for each in listed] == [None] * 4
    assert listed[2]["error"] == "8.5.npz: cannot be read (Is a directory)"


@pytest.mark.parametrize(("content", "code"), [('{"version": "SECRET"}', 1), (None, 0)], ids=["invalid", "missing"])
def test_the_list_without_a_current_version_marks_none(run, models, content, code):
    (models / "CURRENT.json").unlink()
    if content:
        (models / "CURRENT.json").write_text(content)
    done = run("model", "list", "--in", models)
    error = f"Error: {models}: CURRENT.json.file: missing; `delivery-risk model promote` replaces it\n" if content else ""
    assert (done.exit_code, done.stderr) == (code, error)
    assert [line[:3] for line in done.stdout.splitlines()[1:]] == ["  7", "  8", "  9"]


def test_the_list_as_json_has_an_object_for_each_version_with_its_last_promotion(run, models):
    versions.challenge("9", models)
    versions.rollback(models, message="too many reviews")
    done = run("model", "list", "--in", models, "--json")
    seven, eight, nine = json.loads(done.stdout)
    last = json.loads((models / "JOURNAL.jsonl").read_text().splitlines()[-1])
    assert seven == {
        "version": "7",
        "current": True,
        "challenger": False,
        "sha256": versions.get(models, "7").sha256,
        "created": "2026-01-01T00:00:00Z",
        "threshold": 0.5,
        "features": 1,
        "illustrative": False,
        "error": None,
        "promoted": {"time": last["time"], "user": last["user"], "host": last["host"], "message": "too many reviews"},
    }
    assert (eight["promoted"]["message"], nine["promoted"], nine["challenger"]) == ("", None, True)
    Path("empty").mkdir()
    assert run("model", "list", "--in", "empty", "--json").stdout == "[]\n"


def test_a_registry_without_a_journal_is_listed_and_one_whose_journal_is_unreadable_is_reported(run, models):
    (models / "JOURNAL.jsonl").unlink()
    done = run("model", "list", "--in", models)
    assert (done.exit_code, done.stderr, len(done.stdout.splitlines())) == (0, "", 4)
    assert run("model", "log", "--in", models).output == ""
    (models / "JOURNAL.jsonl").mkdir()
    done = run("model", "list", "--in", models)
    error = f"Error: {models}: JOURNAL.jsonl: cannot be read (Is a directory)\n"
    assert (done.exit_code, done.stderr, len(done.stdout.splitlines())) == (1, error, 4)
    done = run("model", "log", "--in", models)
    assert (done.exit_code, done.output) == (1, error)


def interrupted(*_):
    raise KeyboardInterrupt


def test_the_log_shows_each_change_and_marks_those_that_were_not_made(run, models, monkeypatch):
    versions.promote("9", models, message="better in rain\n\x1b[2J")
    with open(models / "JOURNAL.jsonl", "a") as file:
        file.write('{"torn')
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            versions.rollback(models)
    versions.rollback(models)
    done = run("model", "log", "--in", models)
    assert (done.exit_code, done.stderr) == (0, f"{models}: JOURNAL.jsonl: not an entry, ignored: line 4\n")
    header, *lines = ([line[:2].strip(), *line[2:].split(maxsplit=5)] for line in done.stdout.splitlines())
    assert header == ["", "time", "by", "action", "from", "to", "message"]
    assert [[mark, *rest] for mark, _, _, *rest in lines] == [
        ["", "promote", "-", "7"],
        ["", "promote", "7", "8"],
        ["", "promote", "8", "9", r"better in rain\n\x1b[2J"],
        ["?", "rollback", "9", "8"],
        ["", "rollback", "9", "8"],
    ]


def test_the_log_names_the_first_ten_of_many_ignored_lines(run, models):
    (models / "JOURNAL.jsonl").write_text("x\n" * 12)
    assert run("model", "log", "--in", models).stderr.endswith("line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …\n")
