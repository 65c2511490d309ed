"""A registry whose CURRENT.json is invalid: a promotion replaces it, and nothing else changes it."""

import pytest

from model.errors import BadPointer, ModelError, TooLarge, Unreadable
from model.registry import loader, references, versions
from tests.registries import state

LATER = b'{"version": "3", "from": "a later format"}'
BROKEN = {"cut short": b"{", "nothing": b"", "a later format": LATER, "without end": b" " * (references.LIMIT + 1)}


@pytest.fixture
def current(three):
    """The CURRENT.json of the registry, of a later format."""
    (three / "CURRENT.json").write_bytes(LATER)
    return three / "CURRENT.json"


@pytest.mark.parametrize("name", BROKEN)
def test_a_promotion_replaces_it_returns_its_error_and_keeps_its_content(name, three, current):
    current.write_bytes(BROKEN[name])
    promoted, broken = versions.promote("2", three)
    error = TooLarge if name == "without end" else BadPointer
    assert (type(broken), broken.location.startswith("CURRENT.json")) == (error, True)
    assert versions.current(three) == promoted
    assert state(three) == (["1", "2", "3"], ["2"])
    assert (three / "BROKEN.json").read_bytes() == BROKEN[name]
    assert versions.promote("3", three)[1] is None
    assert state(three)[1] == ["2", "3"]
    current.write_bytes(b"replaced later")
    versions.promote("1", three)
    assert (three / "BROKEN.json").read_bytes() == b"replaced later"


CHANGES = {
    "rollback": versions.rollback,
    "challenge": lambda path: versions.challenge("1", path),
    "promote what is not there": lambda path: versions.promote("4", path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_other_change_is_rejected_and_does_not_change_it(change, three, current):
    with pytest.raises(ModelError):
        change(three)
    assert current.read_bytes() == LATER
    assert not (three / "BROKEN.json").exists()


def test_an_unreadable_file_may_be_valid_and_is_not_replaced(three, current):
    current.unlink()
    current.mkdir()
    with pytest.raises(Unreadable):
        versions.promote("2", three)
    assert current.is_dir()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_promotion_does_not_change_it_and_can_be_repeated(step, three, current, failing):
    with failing(step, OSError("no space left")):
        versions.promote("2", three)
    assert current.read_bytes() == LATER
    versions.promote("2", three)
    assert loader.load(three).manifest.version == "2"
    assert (three / "BROKEN.json").read_bytes() == LATER
