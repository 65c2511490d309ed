import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifact import model_file
from model.errors import (
    DigestMismatch,
    NotAllowed,
    NothingPromoted,
    NotServable,
    Unreadable,
    VersionMismatch,
    VersionTaken,
)
from model.registry import loader, references, versions
from model.registry.references import VersionReference
from tests.models import one_input
from tests.registries import drafts, publish, state, version_of


@pytest.fixture
def directory(tmp_path):
    """An empty registry."""
    path = tmp_path / "registry"
    path.mkdir()
    return path


def test_a_published_version_is_a_copy_of_its_file_for_all_to_read_and_is_not_promoted(directory):
    data = publish(directory, "8")
    status = (directory / "8.npz").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o644, 1)
    assert (directory / "8.npz").read_bytes() == data
    assert versions.list_versions(directory) == ["8"]
    assert drafts(directory) == []
    with pytest.raises(NothingPromoted) as rejected:
        versions.rollback(directory)
    assert rejected.value.location == "CURRENT.json"


def test_the_same_version_with_the_same_content_changes_nothing(directory):
    publish(directory, "8")
    before = os.stat(directory / "8.npz")
    publish(directory, "8")
    after = os.stat(directory / "8.npz")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_same_version_with_other_content_is_rejected(directory):
    data = publish(directory, "8")
    with pytest.raises(VersionTaken) as rejected:
        publish(directory, "8", weight=2.0)
    assert rejected.value.location == "8.npz"
    assert (directory / "8.npz").read_bytes() == data
    assert drafts(directory) == []


def test_a_model_of_another_name_is_rejected(directory):
    publish(directory, "8")
    with pytest.raises(NotAllowed) as rejected:
        publish(directory, "9", name="other")
    assert str(rejected.value) == "manifest.name: other, but the registry has versions of made"
    assert versions.list_versions(directory) == ["8"]


def test_a_broken_version_does_not_block_others(directory):
    (directory / "7.npz").write_bytes(b"PK")
    publish(directory, "8")
    assert versions.list_versions(directory) == ["7", "8"]


def test_a_file_that_cannot_be_served_is_not_published(directory, tmp_path):
    model_file.write(one_input(head="identity"), tmp_path / "model.npz")
    with pytest.raises(NotServable):
        versions.publish(tmp_path / "model.npz", directory)
    (tmp_path / "model.npz").write_bytes(version_of("8")[:-40])
    with pytest.raises(Unreadable):
        versions.publish(tmp_path / "model.npz", directory)
    assert list(directory.iterdir()) == []


def test_versions_are_sorted_by_their_numbers(directory):
    for name in ("1.10.0", "1.9.0", "1.9.0-rc.2", "2025-11", "beta", "10", "01", "1"):
        (directory / f"{name}.npz").touch()
    for name in ("CURRENT.json", ".8.npz", "8.npz.bak", "a b.npz", "8"):
        (directory / name).touch()
    assert versions.list_versions(directory) == ["01", "1", "1.9.0", "1.9.0-rc.2", "1.10.0", "10", "2025-11", "beta"]


def test_a_promoted_version_is_current_with_the_digest_of_its_bytes(directory):
    publish(directory, "8")
    promoted, _ = versions.promote("8", directory)
    assert promoted == versions.current(directory) == VersionReference("8", "8.npz", str(versions.get(directory, "8").sha256))
    assert versions.load(directory, promoted).sha256 == promoted.sha256


def test_promoting_what_is_current_changes_nothing(three):
    before = (three / "CURRENT.json").stat()
    versions.promote("3", three)
    after = (three / "CURRENT.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_each_rollback_goes_one_promotion_back_also_if_a_version_was_promoted_again(three):
    versions.promote("1", three)
    assert [versions.rollback(three).version for _ in range(3)] == ["3", "2", "1"]
    with pytest.raises(NotAllowed) as rejected:
        versions.rollback(three)
    assert rejected.value.location == "CURRENT.json"
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
    with pytest.raises(error) as rejected:
        versions.promote("4", three)
    assert (type(rejected.value), rejected.value.location) == (error, location)
    assert versions.current(three).version == "3"


RESERVING = {
    "publish": lambda path: versions.publish(path / "1.npz", path, reserved={"f0"}),
    "promote": lambda path: versions.promote("1", path, reserved={"f0"}),
    "rollback": lambda path: versions.rollback(path, reserved={"f0"}),
    "challenge": lambda path: versions.challenge("1", path, reserved={"f0"}),
    "get": lambda path: versions.get(path, "1", reserved={"f0"}),
    "load": lambda path: versions.load(path, versions.current(path), reserved={"f0"}),
    "loader.load": lambda path: loader.load(path, reserved={"f0"}),
    "loader.load a file": lambda path: loader.load(path / "1.npz", reserved={"f0"}),
    "loader.last_valid": lambda path: loader.last_valid(path, reserved={"f0"}),
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
    with pytest.raises(Unreadable) as rejected:
        versions.get(three, "4")
    assert str(rejected.value) == "version 4: not in the registry"
    (three / "4.npz").mkdir()
    with pytest.raises(Unreadable) as rejected:
        versions.get(three, "4")
    assert str(rejected.value) == "4.npz: cannot be read (Is a directory)"


def test_a_current_version_whose_file_was_changed_or_removed_is_rejected(three):
    at = versions.current(three)
    (three / "3.npz").write_bytes(version_of("3", weight=5.0))
    with pytest.raises(DigestMismatch):
        versions.load(three, at)
    (three / "3.npz").unlink()
    with pytest.raises(Unreadable) as rejected:
        versions.load(three, at)
    assert rejected.value.location == "3.npz"


def test_a_current_file_of_another_version_is_rejected(three):
    publish(three, "4")
    references.write(three, ".draft-", [VersionReference("5", "4.npz", str(versions.get(three, "4").sha256))])
    with pytest.raises(VersionMismatch) as rejected:
        loader.load(three)
    assert rejected.value.location == "4.npz: manifest.version"


CHANGES: dict[str, Callable[[Path], object]] = {
    "publish": lambda path: publish(path, "4"),
    "promote": lambda path: versions.promote("1", path),
    "rollback": versions.rollback,
}
STEPS = [(name, step) for name in CHANGES for step in ("fchmod", "fsync", "unlink", "link" if name == "publish" else "replace")]


@pytest.mark.parametrize(("name", "step"), STEPS)
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_change_that_fails_at_a_step_leaves_the_registry_complete_and_unlocked(name, step, error, three, monkeypatch):
    def fails(*_, **__):
        raise error

    before = state(three)
    (three / ".draft-of-the-dead").touch()
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fails)
        with pytest.raises(type(error)):
            CHANGES[name](three)
    assert state(three) == before
    CHANGES[name](three)
    assert state(three) != before
    assert drafts(three) == []


@pytest.mark.parametrize(("name", "named"), [("publish", "link"), ("promote", "replace"), ("rollback", "replace")])
def test_bytes_are_flushed_to_disk_before_they_are_named_and_the_name_after(name, named, three, monkeypatch):
    steps = []

    def noted(step):
        real = getattr(os, step)

        def call(first, *rest, **options):
            folder = step == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode)
            steps.append("fsync of the directory" if folder else step)
            return real(first, *rest, **options)

        return call

    for step in ("fsync", named):
        monkeypatch.setattr(os, step, noted(step))
    CHANGES[name](three)
    assert steps == ["fsync", named, "fsync of the directory"]


def test_a_change_leaves_no_file_open(three):
    before = os.listdir("/dev/fd")
    for change in CHANGES.values():
        change(three)
    with pytest.raises(VersionTaken):
        publish(three, "4", weight=2.0)
    assert os.listdir("/dev/fd") == before


def test_reading_writes_nothing(three):
    (three / ".lock").unlink()
    before = sorted(os.listdir(three))
    loader.load(three)
    versions.list_versions(three)
    assert sorted(os.listdir(three)) == before
