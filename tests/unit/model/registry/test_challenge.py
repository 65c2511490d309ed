"""The challenger is another version than the current one; its trial ends when it becomes the current version."""

import pytest

from model.errors import NotAllowed, Unreadable
from model.registry import references, versions
from model.registry.references import VersionReference


@pytest.fixture
def three(three):
    """The version 2 is current again, after 1."""
    versions.rollback(three)
    return three


def test_a_challenger_is_a_valid_version(three):
    assert versions.challenger(three) is None
    versions.challenge("3", three)
    assert versions.challenger(three) == VersionReference("3", "3.npz", str(versions.get(three, "3").sha256))
    (three / "1.npz").write_bytes(b"")
    with pytest.raises(Unreadable):
        versions.challenge("1", three)
    assert versions.challenger(three).version == "3"
    versions.challenge(None, three)
    versions.challenge(None, three)
    assert versions.challenger(three) is None


def test_the_current_version_cannot_be_the_challenger(three):
    versions.challenge("3", three)
    with pytest.raises(NotAllowed) as rejected:
        versions.challenge("2", three)
    assert str(rejected.value) == "version 2: the current version; choose another version as challenger"
    assert versions.challenger(three).version == "3"


BECOME_CURRENT = {
    "3": lambda path: versions.promote("3", path),
    "1": versions.rollback,
}


@pytest.mark.parametrize(("version", "change"), BECOME_CURRENT.items(), ids=["promote", "rollback"])
def test_a_trial_ends_when_its_version_becomes_current(version, change, three):
    versions.challenge(version, three)
    change(three)
    assert (versions.current(three).version, versions.challenger(three)) == (version, None)


@pytest.mark.parametrize(("version", "change"), BECOME_CURRENT.items(), ids=["promote", "rollback"])
def test_a_trial_continues_when_another_version_becomes_current(version, change, three):
    other = {"1": "3", "3": "1"}[version]
    versions.challenge(other, three)
    change(three)
    assert (versions.current(three).version, versions.challenger(three).version) == (version, other)


def test_a_repeated_promotion_ends_the_trial_that_an_interrupted_one_left(three):
    at, _ = versions.promote("3", three)
    references.write(three, ".draft-", [at], references.CHALLENGER)
    versions.promote("3", three)
    assert versions.challenger(three) is None


def test_an_invalid_challenger_file_does_not_block_a_promotion(three):
    (three / "CHALLENGER.json").write_text("{")
    versions.promote("3", three)
    assert versions.current(three).version == "3"
