import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.errors import DigestMismatch, NotAllowed, NothingPromoted, NotServable, Unreadable, VersionMismatch, VersionTaken
from model.packaged import packaged_model
from model.registry import loader, versions
from model.registry.references import VersionReference
from tests.model_files import rejects
from tests.models import one_input
from tests.registries import drafts, holding, publish, refer, state, version_of


@pytest.fixture
def directory(tmp_path):
    """An empty registry."""
    return holding(tmp_path / "registry", "", "")


def same_file(before: os.stat_result, path: Path) -> bool:
    after = os.stat(path)
    return (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_published_version_is_a_copy_of_its_file_for_all_to_read_and_is_not_promoted(directory):
    data = publish(directory, "8")
    status = (directory / "8.npz").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o644, 1)
    assert (directory / "8.npz").read_bytes() == data
    assert (versions.list_versions(directory), drafts(directory)) == (["8"], [])
    with rejects(NothingPromoted, "CURRENT.json"):
        versions.rollback(directory)


def test_an_illustrative_model_is_promoted_over_another_only_by_force(directory):
    made = packaged_model()
    model_file.write(made, directory.with_name("toy"))
    model_file.write(
        replace(made, manifest=replace(made.manifest, version="1.0.1", threshold=0.7)), directory.with_name("toy too")
    )
    for name in ("toy", "toy too"):
        versions.publish(directory.with_name(name), directory)
    publish(directory, "8", name="delivery-risk")
    for version in ("1.0.0", "1.0.1", "8"):
        versions.promote(version, directory)
    for harm in (lambda: None, (directory / "8.npz").unlink):
        harm()
        with rejects(NotAllowed, "version 1.0.0"):
            versions.promote("1.0.0", directory)
        assert versions.current(directory).version == "8"
    versions.promote("1.0.0", directory, force=True)
    assert versions.current(directory).version == "1.0.0"


def test_the_same_version_with_the_same_content_changes_nothing_and_with_other_content_is_rejected(directory):
    data = publish(directory, "8")
    before = os.stat(directory / "8.npz")
    publish(directory, "8")
    with rejects(VersionTaken, "8.npz"):
        publish(directory, "8", weight=2.0)
    assert same_file(before, directory / "8.npz")
    assert (directory / "8.npz").read_bytes() == data
    assert drafts(directory) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_holds_a_registry_by_the_same_rules(number, directory, monkeypatch):
    def link(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    data = publish(directory, "8")
    publish(directory, "8")
    with rejects(VersionTaken, "8.npz"):
        publish(directory, "8", weight=2.0)
    assert (directory / "8.npz").read_bytes() == data
    assert stat.S_IMODE((directory / "8.npz").stat().st_mode) == 0o644
    (directory / "CURRENT.json").write_text("{")
    assert versions.promote("8", directory)[1] is not None
    assert (state(directory), drafts(directory)) == ((["8"], ["8"]), [])


def test_a_model_of_another_name_is_rejected_and_a_broken_version_does_not_block_others(directory):
    (directory / "7.npz").write_bytes(b"PK")
    publish(directory, "8")
    with rejects(NotAllowed, "manifest.name") as rejected:
        publish(directory, "9", name="other")
    assert rejected.value.reason == "other, but the registry has versions of made"
    assert versions.list_versions(directory) == ["7", "8"]


@pytest.mark.parametrize(
    ("data", "error"), [(model_file.dumps(one_input(head="identity")), NotServable), (version_of("8")[:-40], Unreadable)]
)
def test_a_file_that_cannot_be_served_is_not_published(data, error, directory, tmp_path):
    (tmp_path / "model.npz").write_bytes(data)
    with pytest.raises(error):
        versions.publish(tmp_path / "model.npz", directory)
    assert list(directory.iterdir()) == []


def test_versions_are_sorted_by_their_numbers(directory):
    for name in ("1.10.0", "1.9.0", "1.9.0-rc.2", "2025-11", "beta", "10", "01", "1"):
        (directory / f"{name}.npz").touch()
    for name in ("CURRENT.json", ".8.npz", "8.npz.bak", "a b.npz", "8"):
        (directory / name).touch()
    assert versions.list_versions(directory) == ["01", "1", "1.9.0", "1.9.0-rc.2", "1.10.0", "10", "2025-11", "beta"]


def test_a_promoted_version_is_current_with_the_digest_of_its_bytes_and_promoting_it_again_changes_nothing(three):
    before = (three / "CURRENT.json").stat()
    promoted, _ = versions.promote("3", three)
    assert same_file(before, three / "CURRENT.json")
    assert promoted == versions.current(three) == VersionReference("3", "3.npz", str(versions.get(three, "3").sha256))
    assert versions.load(three, promoted).sha256 == promoted.sha256


def test_each_rollback_goes_one_promotion_back_also_if_a_version_was_promoted_again(three):
    versions.promote("1", three)
    assert [versions.rollback(three).version for _ in range(3)] == ["3", "2", "1"]
    with rejects(NotAllowed, "CURRENT.json"):
        versions.rollback(three)
    assert state(three) == (["1", "2", "3"], ["1"])


def test_a_rollback_leads_to_the_same_bytes_or_nowhere(three):
    (three / "2.npz").write_bytes(version_of("2", weight=5.0))
    with pytest.raises(DigestMismatch):
        versions.rollback(three)
    assert versions.current(three).version == "3"


BROKEN = {
    "cut short": (version_of("4")[:-40], Unreadable, "4.npz"),
    "another version": (version_of("5"), VersionMismatch, "4.npz: manifest.version"),
    "not servable": (model_file.dumps(one_input(head="identity")), NotServable, "4.npz: manifest.head"),
}


@pytest.mark.parametrize(("data", "error", "location"), BROKEN.values(), ids=BROKEN)
def test_an_invalid_version_is_not_promoted_and_its_file_is_named(data, error, location, three):
    (three / "4.npz").write_bytes(data)
    with rejects(error, location):
        versions.promote("4", three)
    assert versions.current(three).version == "3"


RESERVING = {
    "publish": lambda path: versions.publish(path / "1.npz", path, reserved=lambda _: {"f0"}),
    "promote": lambda path: versions.promote("1", path, reserved=lambda _: {"f0"}),
    "rollback": lambda path: versions.rollback(path, reserved=lambda _: {"f0"}),
    "challenge": lambda path: versions.challenge("1", path, reserved=lambda _: {"f0"}),
    "get": lambda path: versions.get(path, "1", reserved=lambda _: {"f0"}),
    "load": lambda path: versions.load(path, versions.current(path), reserved=lambda _: {"f0"}),
    "loader.load": lambda path: loader.load(path, reserved=lambda _: {"f0"}),
    "loader.load a file": lambda path: loader.load(path / "1.npz", reserved=lambda _: {"f0"}),
    "loader.last_valid": lambda path: loader.last_valid(path, reserved=lambda _: {"f0"}),
}


@pytest.mark.parametrize("work", RESERVING.values(), ids=RESERVING)
def test_a_model_whose_feature_has_a_reserved_name_is_not_servable(work, three):
    before = state(three)
    with pytest.raises(NotServable, match="features must not be named `f0`, which is an output column"):
        work(three)
    assert state(three) == before


@pytest.mark.parametrize("version", ["4", "../registry/3", "", ".", "..", "3.npz/../3", "3\n", "3\0", "x" * 65, "٣"])
def test_a_missing_version_is_not_promoted(version, three):
    with pytest.raises(Unreadable):
        versions.promote(version, three)
    assert versions.current(three).version == "3"


def test_a_missing_version_and_an_unreadable_one_have_different_errors(three):
    with rejects(Unreadable, "version 4") as rejected:
        versions.get(three, "4")
    assert rejected.value.reason == "not in the registry, which has 1, 2, 3"
    (three / "4.npz").mkdir()
    with rejects(Unreadable, "4.npz") as rejected:
        versions.get(three, "4")
    assert rejected.value.reason == "cannot be read (Is a directory)"


def test_a_current_version_whose_file_was_changed_or_removed_is_rejected(three):
    at = versions.current(three)
    (three / "3.npz").write_bytes(version_of("3", weight=5.0))
    with pytest.raises(DigestMismatch):
        versions.load(three, at)
    (three / "3.npz").unlink()
    with rejects(Unreadable, "3.npz"):
        versions.load(three, at)


def test_a_current_file_of_another_version_is_rejected(three):
    publish(three, "4")
    refer(three, VersionReference("5", "4.npz", str(versions.get(three, "4").sha256)))
    with rejects(VersionMismatch, "4.npz: manifest.version"):
        loader.load(three)


CHANGES: dict[str, Callable[[Path], object]] = {
    "publish": lambda path: publish(path, "4"),
    "promote": lambda path: versions.promote("1", path),
    "rollback": versions.rollback,
}
NAMED = {"publish": "link", "promote": "replace", "rollback": "replace"}
STEPS = [(name, step) for name in CHANGES for step in ("fchmod", "fsync", "unlink", NAMED[name])]


@pytest.mark.parametrize(("name", "step"), STEPS)
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_change_that_fails_at_a_step_leaves_the_registry_complete_and_unlocked(name, step, error, three, failing):
    before = state(three)
    (three / ".draft-of-the-dead").touch()
    with failing(step, error):
        CHANGES[name](three)
    assert state(three) == before
    CHANGES[name](three)
    assert state(three) != before
    assert drafts(three) == []


def promote_first(path):
    (path / "JOURNAL.jsonl").unlink()
    versions.promote("1", path)


FOLDER = "fsync of the directory"
FLUSHED = {
    "publish": (CHANGES["publish"], ["fsync", "link", FOLDER]),
    "promote": (CHANGES["promote"], ["fsync", "fsync", "replace", FOLDER]),
    "promote without a journal": (promote_first, ["fsync", "fsync", FOLDER, "replace", FOLDER]),
    "rollback": (CHANGES["rollback"], ["fsync", "fsync", "replace", FOLDER]),
}


@pytest.mark.parametrize(("change", "expected"), FLUSHED.values(), ids=FLUSHED)
def test_bytes_are_flushed_to_disk_before_they_are_named_and_the_name_after(change, expected, three, monkeypatch):
    steps = []

    def noted(step, real):
        def call(first, *rest, **options):
            folder = step == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode)
            steps.append(FOLDER if folder else step)
            return real(first, *rest, **options)

        return call

    for step in ("fsync", "link", "replace"):
        monkeypatch.setattr(os, step, noted(step, getattr(os, step)))
    change(three)
    assert steps == expected


def test_a_change_leaves_no_file_open_and_reading_writes_nothing(three):
    before = os.listdir("/dev/fd")
    for change in CHANGES.values():
        change(three)
    with pytest.raises(VersionTaken):
        publish(three, "4", weight=2.0)
    assert os.listdir("/dev/fd") == before
    (three / ".lock").unlink()
    held = sorted(os.listdir(three))
    loader.load(three)
    versions.list_versions(three)
    assert sorted(os.listdir(three)) == held
