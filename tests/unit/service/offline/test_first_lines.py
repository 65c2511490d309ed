"""The oracle is a dict of all ids."""

import random

import numpy as np
import pytest

from service.offline import first_lines
from service.offline.first_lines import FirstLines


def expected(known, ids, lines):
    """By a dict of all ids: the first lines of those that are on another line."""
    first = [known.setdefault(each, line) for each, line in zip(ids, lines, strict=True)]
    return {at: one for at, (one, line) in enumerate(zip(first, lines, strict=True)) if one != line}


@pytest.mark.parametrize("recent", [1, 50, 10_000])
def test_each_repeated_id_has_the_line_on_which_it_was_first(monkeypatch, recent):
    monkeypatch.setattr(first_lines, "_RECENT", recent)
    dice, known, found = random.Random(recent), {}, FirstLines()
    line = 0
    for _ in range(60):
        ids = [f"{'é' * dice.randrange(3)}{dice.randrange(4000)}" for _ in range(dice.randrange(100))]
        lines = range(line, line + len(ids))
        line += len(ids)
        assert found.add(ids, lines) == expected(known, ids, lines)


def test_an_id_that_is_added_again_with_its_own_line_is_not_repeated():
    found = FirstLines()
    for _ in range(2):
        assert found.add(["a", "b", "a"], [1, 2, 3]) == {2: 1}
    assert found.add(["b", "a"], [4, 1]) == {0: 2}


@pytest.mark.parametrize("recent", [1, 10_000])
def test_ids_are_distinguished_by_all_bits_of_both_hashes(monkeypatch, recent):
    values = (-(2**63), -(2**63) + 1, -1, 0, 1, 2**62, 2**63 - 1)
    hashes = {f"{one} {other}": (one, other) for one in values for other in values}
    monkeypatch.setattr(first_lines, "_RECENT", recent)
    monkeypatch.setattr(
        FirstLines, "_digests", lambda _, ids: np.array([hashes[each] for each in ids], np.int64).reshape(-1, 2).T
    )
    ids, found = [*hashes], FirstLines()
    random.Random(1).shuffle(ids)
    for begin in range(0, len(ids), 5):
        assert found.add(ids[begin : begin + 5], range(begin, len(ids))[:5]) == {}
    assert found.add(ids, range(100, 100 + len(ids))) == dict(enumerate(range(len(ids))))


def test_a_lone_surrogate_is_an_id_like_any_other():
    assert FirstLines().add(["\ud800", "\ud800", "\ud801"], [1, 2, 3]) == {1: 1}


def test_ids_with_the_same_bytes_in_memory_are_different():
    assert FirstLines().add(["ab", "\u6261"], [1, 2]) == {}
