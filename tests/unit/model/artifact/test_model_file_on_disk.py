"""The model file on disk: paths that are not files, files that change, and writes that fail."""

import hashlib
import os
import stat

import pytest

from model.artifact import model_file, npz
from model.errors import SelfTestFailed, TooLarge, Unreadable
from model.packaged import packaged_model
from tests.model_files import GOOD, rejects
from tests.models import one_input


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def test_a_written_model_replaces_the_file_and_is_returned_as_it_will_be_read(path):
    path.write_bytes(b"old")
    written = model_file.write(packaged_model(), path)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (GOOD, 0o644)
    assert written.sha256 == hashlib.sha256(GOOD).hexdigest() == model_file.read(str(path)).sha256
    assert written.manifest == model_file.read(path).manifest
    assert os.listdir(path.parent) == ["model.npz"]


@pytest.mark.parametrize("step", ["fsync", "fchmod", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(step, error, path, failing):
    path.write_bytes(b"old")
    with failing(step, error):
        model_file.write(packaged_model(), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["model.npz"]


def test_a_model_that_fails_its_own_self_test_is_not_written(path):
    invalid = one_input()
    invalid.network.layers[0].weights[:] = 3.0
    invalid.standardizer.mean[:] = 1.0
    with pytest.raises(SelfTestFailed):
        model_file.write(invalid, path)
    with pytest.raises(FileNotFoundError):
        model_file.write(packaged_model(), path / "model.npz")
    assert os.listdir(path.parent) == []


def test_a_file_over_the_limit_is_rejected_unread(path, monkeypatch):
    path.write_bytes(GOOD)
    monkeypatch.setattr(npz, "LIMIT", len(GOOD) - 1)
    monkeypatch.setattr(model_file, "loads", lambda *_: pytest.fail("the file was read"))
    with rejects(TooLarge, "file"):
        model_file.read(path)


@pytest.fixture
def at_opening(monkeypatch):
    """Have something done as soon as the file is open, before a byte is read."""

    def at_opening(act):
        opened = os.fstat

        def looks(handle):
            status = opened(handle)
            monkeypatch.undo()
            act()
            return status

        monkeypatch.setattr(os, "fstat", looks)

    return at_opening


def replace_a_link(path):
    path.unlink()
    path.symlink_to("other.npz")


@pytest.mark.parametrize("change", [replace_a_link, lambda path: model_file.write(one_input(), path)], ids=["link", "file"])
def test_a_file_replaced_while_it_is_read_gives_the_model_that_was_opened_and_its_digest(change, path, at_opening):
    model_file.write(one_input(), path.with_name("other.npz"))
    path.with_name("first.npz").write_bytes(GOOD)
    path.symlink_to("first.npz")
    at_opening(lambda: change(path))
    read = model_file.read(path, hashlib.sha256(GOOD).hexdigest())
    assert (read.manifest, read.sha256) == (packaged_model().manifest, hashlib.sha256(GOOD).hexdigest())
    assert model_file.read(path).manifest == one_input().manifest


CHANGES = {
    "grows": lambda path: path.write_bytes(GOOD + b"\0"),
    "grows by a model": lambda path: path.write_bytes(GOOD + GOOD),
    "shrinks": lambda path: os.truncate(path, len(GOOD) - 1),
    "is emptied": lambda path: os.truncate(path, 0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changes_its_length_while_it_is_read_is_rejected(change, path, at_opening):
    path.write_bytes(GOOD)
    at_opening(lambda: change(path))
    with rejects(Unreadable, "file") as rejected:
        model_file.read(path)
    assert rejected.value.reason == "changed while it was read"
