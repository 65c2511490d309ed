"""A registry whose CURRENT.json is invalid: a promotion replaces it, and nothing else changes it."""

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
def test_a_promotion_replaces_it_returns_its_error_and_keeps_its_content(content, error, three):
    (three / "CURRENT.json").write_bytes(content)
    promoted, broken = versions.promote("2", three)
    assert (type(broken), broken.location.startswith("CURRENT.json")) == (error, True)
    assert versions.current(three) == promoted
    assert state(three) == (["1", "2", "3"], ["2"])
    assert (three / "BROKEN.json").read_bytes() == content
    assert versions.promote("3", three)[1] is None
    assert state(three)[1] == ["2", "3"]


def test_the_last_replaced_content_is_kept(three):
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
def test_any_other_change_is_rejected_and_does_not_change_it(change, three):
    (three / "CURRENT.json").write_bytes(LATER)
    with pytest.raises(ModelError):
        change(three)
    assert (three / "CURRENT.json").read_bytes() == LATER
    assert not (three / "BROKEN.json").exists()


def test_an_unreadable_file_may_be_valid_and_is_not_replaced(three):
    (three / "CURRENT.json").unlink()
    (three / "CURRENT.json").mkdir()
    with pytest.raises(Unreadable):
        versions.promote("2", three)
    assert (three / "CURRENT.json").is_dir()


@pytest.mark.parametrize("step", ["link", "replace"])
def test_a_failed_promotion_does_not_change_it_and_can_be_repeated(step, three, monkeypatch):
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
