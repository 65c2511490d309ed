import json
import os
import pwd
import re
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadManifest, Unwritable
from model.registry import journal, versions
from model.registry.check import PromotionCheck
from model.registry.references import CHALLENGER, CURRENT
from tests.model_files import rejects
from tests.registries import holding, state


def written(directory):
    """The entries of the file, read without the code under test: action, version before, version after, message."""
    lines = (directory / "JOURNAL.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    names = [[entry[side] and entry[side]["version"] for side in ("from", "to")] for entry in entries]
    return [(entry["action"], *pair, entry["message"]) for entry, pair in zip(entries, names, strict=True)]


@pytest.fixture
def two(tmp_path):
    """A registry of the versions 1 and 2 in which nothing was promoted yet."""
    return holding(tmp_path / "registry", "12", "")


def test_each_change_of_a_reference_has_an_entry_with_the_version_before_and_after_and_the_reason(two):
    versions.promote("1", two)
    versions.challenge("2", two, message="rain")
    versions.challenge(None, two)
    versions.challenge("2", two)
    versions.promote("2", two, message="better in rain\n日本")
    versions.rollback(two, message="worse")
    assert written(two) == [
        ("promote", None, "1", ""),
        ("challenge", None, "2", "rain"),
        ("end_trial", "2", None, ""),
        ("challenge", None, "2", ""),
        ("promote", "1", "2", "better in rain\n日本"),
        ("end_trial", "2", None, "better in rain\n日本"),
        ("rollback", "2", "1", "worse"),
    ]
    assert all(entry.made for entry in journal.read(two).entries)


def test_an_entry_has_the_time_the_user_the_host_and_the_digests(two):
    before = datetime.now(UTC).replace(microsecond=0)
    versions.promote("1", two)
    versions.promote("2", two)
    *_, entry = map(json.loads, (two / "JOURNAL.jsonl").read_text().splitlines())
    assert before <= datetime.strptime(entry.pop("time"), "%Y-%m-%dT%H:%M:%S%z") <= datetime.now(UTC)
    one, other = ({"version": each, "file": f"{each}.npz", "sha256": versions.get(two, each).sha256} for each in "12")
    user = pwd.getpwuid(os.getuid()).pw_name
    assert entry == {"user": user, "host": os.uname().nodename, "action": "promote", "from": one, "to": other, "message": ""}


def test_a_user_without_a_name_has_a_number(two, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    versions.promote("1", two)
    assert [entry.user for entry in journal.read(two).entries] == ["3999999"]


CHECK = {
    "against": "a" * 64,
    "orders": 1000,
    "late": 50,
    "days": 30,
    "brier_before": 0.25,
    "brier_after": 0.125,
    "difference": -0.125,
    "low": -0.25,
    "high": None,
    "reviews_a_day": 12.5,
    "failed": ["over"],
    "forced": True,
}
PROMOTION = {"time": "2026-11-29T11:20:30Z", "user": "anna", "host": "", "action": "promote", "from": None, "to": None}


def test_the_check_of_a_promotion_is_read_and_an_entry_without_one_is_too(tmp_path):
    plain = PROMOTION | {"message": ""}
    (tmp_path / "JOURNAL.jsonl").write_text(f"{json.dumps(plain)}\n{json.dumps(plain | {'check': CHECK})}\n")
    (first, second), ignored = journal.read(tmp_path)
    assert (first.check, ignored) == (None, ())
    assert second.check == PromotionCheck(**CHECK | {"failed": ("over",)})


@pytest.mark.parametrize("change", [{"late": -1}, {"low": "x"}, {"against": ""}, {"forced": 1}, {"more": 1}, {"failed": [""]}])
def test_an_entry_whose_check_is_invalid_is_no_entry(tmp_path, change):
    (tmp_path / "JOURNAL.jsonl").write_text(json.dumps(PROMOTION | {"message": "", "check": CHECK | change}))
    assert journal.read(tmp_path) == ((), (1,))


UNCHANGING = {
    "promote the current": lambda path: versions.promote("3", path),
    "end no trial": lambda path: versions.challenge(None, path),
    "publish again": lambda path: versions.publish(path / "3.npz", path),
}


@pytest.mark.parametrize("work", UNCHANGING.values(), ids=UNCHANGING)
def test_what_changes_no_reference_has_no_entry(work, three):
    before = (three / "JOURNAL.jsonl").read_bytes()
    work(three)
    assert (three / "JOURNAL.jsonl").read_bytes() == before


def test_the_same_challenger_again_has_no_second_entry(three):
    for _ in range(2):
        versions.challenge("1", three)
    assert [action for action, *_ in written(three)] == ["promote", "promote", "promote", "challenge"]


def test_an_invalid_reference_is_nothing_before_a_change_and_the_change_is_recorded(three):
    for name in (CURRENT, CHALLENGER):
        (three / name).write_bytes(b"{")
    versions.challenge(None, three)
    versions.promote("1", three)
    assert written(three)[3:] == [("end_trial", None, None, ""), ("promote", None, "1", "")]


def test_a_registry_without_a_journal_begins_one_and_has_no_entries_before(three):
    (three / "JOURNAL.jsonl").unlink()
    assert journal.read(three) == journal.Journal((), ())
    versions.rollback(three)
    assert written(three) == [("rollback", "3", "2", "")]


TORN = {"half a line": b'{"time": "2026-11-', "zeros": bytes(700), "not text": b"\xff\r\xfe", "another format": b"{}\n\n[]\n"}


@pytest.mark.parametrize("torn", TORN.values(), ids=TORN)
def test_lines_that_are_no_entries_are_ignored_by_number_and_the_next_entry_is_appended_on_its_own_line(torn, three):
    with open(three / "JOURNAL.jsonl", "ab") as file:
        file.write(torn)
    before = (three / "JOURNAL.jsonl").read_bytes()
    versions.promote("1", three, message="after the power loss")
    assert (three / "JOURNAL.jsonl").read_bytes().startswith(before)
    found = journal.read(three)
    assert [entry.after.version for entry in found.entries] == ["1", "2", "3", "1"]
    assert [entry.made for entry in found.entries] == [True] * 4
    assert found.ignored == ((4, 6) if torn.startswith(b"{}") else (4,))


JSON = st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())


@given(st.lists(st.binary(max_size=60) | JSON, max_size=5))
def test_no_bytes_between_entries_raise_an_error_or_hide_an_entry(garbage):
    entry = {"time": "2026-11-29T11:20:30Z", "user": "anna", "host": "", "action": "end_trial", "from": None, "to": None}
    line = json.dumps(entry | {"message": ""}).encode()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "JOURNAL.jsonl").write_bytes(b"".join(each + b"\n" + line + b"\n" for each in garbage))
        assert [each.user for each in journal.read(folder).entries] == ["anna"] * len(garbage)


BLOCKED = {
    "a folder": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("elsewhere"),
    "a pipe": os.mkfifo,
}
CHANGES = {
    "promote": lambda path: versions.promote("1", path),
    "rollback": versions.rollback,
    "challenge": lambda path: versions.challenge("1", path),
    "end the trial": lambda path: versions.challenge(None, path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("block", BLOCKED.values(), ids=BLOCKED)
def test_a_journal_that_cannot_be_written_leaves_every_reference_as_it_was(block, change, three):
    versions.challenge("2", three)
    (three / "JOURNAL.jsonl").unlink()
    block(three / "JOURNAL.jsonl")
    before = {name: (three / name).read_bytes() for name in (CURRENT, CHALLENGER)}
    with rejects(Unwritable, "JOURNAL.jsonl") as rejected:
        change(three)
    advice = "so nothing was changed; make it writable and repeat the command"
    assert re.fullmatch(rf"cannot be written \(.+\), {advice}", rejected.value.reason)
    assert {name: (three / name).read_bytes() for name in (CURRENT, CHALLENGER)} == before
    assert not (three / "elsewhere").exists()


def test_a_promotion_of_the_challenger_whose_journal_is_full_changes_neither_reference(three, monkeypatch):
    versions.challenge("1", three)
    real = os.fsync

    def full(handle):
        if os.path.basename(os.readlink(f"/proc/self/fd/{handle}")) == "JOURNAL.jsonl":
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with rejects(Unwritable, "JOURNAL.jsonl"):
        versions.promote("1", three)
    assert (versions.current(three).version, versions.challenger(three).version) == ("3", "1")


LAST_STEPS = {
    "promote": (lambda path: versions.promote("2", path), "replace"),
    "rollback": (versions.rollback, "replace"),
    "challenge": (lambda path: versions.challenge("2", path), "replace"),
}


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize(("change", "step"), LAST_STEPS.values(), ids=LAST_STEPS)
def test_a_change_that_ends_after_its_entry_is_seen_as_not_made_and_is_repeated(change, step, error, three, failing):
    versions.challenge("1", three)
    with failing(step, error):
        change(three)
    assert [entry.made for entry in journal.read(three).entries] == [True] * 4 + [False]
    change(three)
    assert [entry.made for entry in journal.read(three).entries] == [True] * 4 + [False, True]


def test_an_entry_whose_version_was_replaced_without_the_journal_is_not_taken_as_made(three):
    (three / CURRENT).write_bytes((three / CURRENT).read_bytes().replace(b"3", b"2"))
    assert [entry.made for entry in journal.read(three).entries] == [True, True, False]


@pytest.mark.parametrize("message", ["x" * 1001, "\ud800"])
def test_a_message_that_is_too_long_or_no_text_changes_nothing(message, three):
    before = state(three)
    with rejects(BadManifest, "message"):
        versions.promote("1", three, message=message)
    assert (state(three), len(written(three))) == (before, 3)


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777])
def test_who_may_write_the_registry_may_write_its_journal_and_all_may_read_it(mode, two):
    two.chmod(mode)
    mask = os.umask(0o077)
    versions.promote("1", two)
    os.umask(mask)
    assert stat.S_IMODE((two / "JOURNAL.jsonl").stat().st_mode) == 0o644 | mode & 0o022
