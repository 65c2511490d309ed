"""A store whose CURRENT.json says nothing sound: a promotion begins it anew, and nothing else touches it."""

import os

import pytest

from model.errors import BadPointer, ModelError, TooLarge, Unreadable
from model.registry import loader, references, versions
from tests.registries import state

LATER = b'{"version": "3", "from": "a later format"}'
BROKEN = {
    "cut short": (b"{", BadPointer),
    "nothing": (b"", BadPointer),
    "a later format": (LATER, BadPointer),
    "without end": (b" " * (references.LIMIT + 1), TooLarge),
}


@pytest.mark.parametrize(("content", "error"), BROKEN.values(), ids=BROKEN)
def test_a_promotion_begins_it_anew_tells_of_it_and_keeps_what_stood_there(content, error, three):
    (three / "CURRENT.json").write_bytes(content)
    promoted, broken = versions.promote("2", three)
    assert (type(broken), broken.location.startswith("CURRENT.json")) == (error, True)
    assert versions.current(three) == promoted
    assert state(three) == (["1", "2", "3"], ["2"])
    assert (three / "BROKEN.json").read_bytes() == content
    assert versions.promote("3", three)[1] is None
    assert state(three)[1] == ["2", "3"]


def test_what_was_set_aside_last_is_kept(three):
    for content in (b"first", b"second"):
        (three / "CURRENT.json").write_bytes(content)
        versions.promote("1", three)
    assert (three / "BROKEN.json").read_bytes() == b"second"


CHANGES = {
    "rollback": versions.rollback,
    "challenge": lambda path: versions.challenge("1", path),
    "promote what is not there": lambda path: versions.promote("4", path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_other_change_is_refused_and_leaves_it(change, three):
    (three / "CURRENT.json").write_bytes(LATER)
    with pytest.raises(ModelError):
        change(three)
    assert (three / "CURRENT.json").read_bytes() == LATER
    assert not (three / "BROKEN.json").exists()


def test_one_that_cannot_be_read_may_be_sound_and_is_left(three):
    (three / "CURRENT.json").unlink()
    (three / "CURRENT.json").mkdir()
    with pytest.raises(Unreadable):
        versions.promote("2", three)
    assert (three / "CURRENT.json").is_dir()


@pytest.mark.parametrize("step", ["link", "replace"])
def test_a_promotion_that_fails_leaves_it_and_may_be_repeated(step, three, monkeypatch):
    def fails(*_, **__):
        raise OSError("no space left")

    (three / "CURRENT.json").write_bytes(LATER)
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fails)
        with pytest.raises(OSError, match="no space"):
            versions.promote("2", three)
    assert (three / "CURRENT.json").read_bytes() == LATER
    versions.promote("2", three)
    assert loader.load(three).manifest.version == "2"
    assert (three / "BROKEN.json").read_bytes() == LATER
