"""The challenger is another version than the current one; its trial ends when it becomes the current version."""

import pytest

from model.errors import NotAllowed, Unreadable
from model.registry import references, versions
from model.registry.references import VersionReference
from tests.model_files import rejects
from tests.registries import refer


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
    with rejects(NotAllowed, "version 2") as rejected:
        versions.challenge("2", three)
    assert rejected.value.reason == "the current version; choose another version as challenger"
    assert versions.challenger(three).version == "3"
    for _ in range(2):
        versions.challenge(None, three)
        assert versions.challenger(three) is None


BECOME_CURRENT = {"3": lambda path: versions.promote("3", path), "1": versions.rollback}


@pytest.mark.parametrize(("version", "change"), BECOME_CURRENT.items(), ids=["promote", "rollback"])
@pytest.mark.parametrize("tried", ["1", "3"])
def test_a_trial_ends_when_its_version_becomes_current_and_not_when_another_does(version, change, tried, three):
    versions.challenge(tried, three)
    change(three)
    challenger = versions.challenger(three)
    assert (versions.current(three).version, challenger and challenger.version) == (
        version,
        None if tried == version else tried,
    )


def test_a_repeated_promotion_ends_the_trial_that_an_interrupted_one_left(three):
    at, _ = versions.promote("3", three)
    refer(three, at, references.CHALLENGER)
    versions.promote("3", three)
    assert versions.challenger(three) is None


def test_an_invalid_challenger_file_does_not_block_a_promotion(three):
    (three / "CHALLENGER.json").write_text("{")
    versions.promote("3", three)
    assert versions.current(three).version == "3"
