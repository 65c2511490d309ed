"""Repeated ids: the oracle is a dict of all ids."""

import random
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bulk import repeated_ids
from service.bulk.repeated_ids import RepeatedIds

SIZES = (0, 1, 7, 8, 9, 16, 128, 600)


def expected(ids):
    """The rows whose id is in an earlier row, with the number of that, by a dict."""
    firsts, found = {}, {}
    for row, text in enumerate(ids):
        if text is not None and firsts.setdefault(text, row) != row:
            found[row] = firsts[text] + 1
    return found


def divided(array, ends):
    """Consecutive parts of an array that end at these rows, each of which shares its memory."""
    return [array[begin:end] for begin, end in zip([0, *ends], [*ends, len(array)], strict=True)]


def repeated_of(arrays):
    """The repeated ids of a file with these arrays of ids."""
    repeated = RepeatedIds()
    for array in arrays:
        repeated.add(array)
    repeated.compare(arrays)
    return repeated


def found(ids, ends=()):
    return repeated_of(divided(pa.array(ids, pa.string()), ends)).within(0, len(ids))


@given(st.data())
def test_each_id_of_an_earlier_row_has_the_number_of_the_first_in_any_arrays(data):
    texts = st.sampled_from([letter * size for letter in "aé" for size in SIZES]) | st.text(max_size=2)
    ids = data.draw(st.lists(texts | st.none(), max_size=40))
    ends = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    assert found(ids, ends) == expected(ids)


def test_an_id_is_found_among_many_in_arrays_with_ids_of_other_lengths():
    dice = random.Random(1)
    ids = [f"{'ab:é'[dice.randrange(4)] * dice.choice(SIZES)}{dice.randrange(3000)}" for _ in range(20_000)]
    assert len(expected(ids)) > 1000
    assert found(ids, range(0, len(ids), 37)) == expected(ids)


def test_different_ids_with_the_same_hash_are_not_repeated(monkeypatch):
    monkeypatch.setattr(repeated_ids, "hashes", lambda texts: np.zeros(len(texts), np.uint64))
    ids = ["a", "b", None, "a", "c", None, "b", "a"]
    assert found(ids, [2, 5]) == expected(ids) == {3: 1, 6: 2, 7: 1}


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_rows_of_a_part_are_numbered_from_its_first(size):
    ids = ["a", "b", "a", "a", "c", "b", "d"]
    repeated = repeated_of([pa.array(ids)])
    parts = {begin: repeated.within(begin, size) for begin in range(0, len(ids), size)}
    assert {begin + row: line for begin, rows in parts.items() for row, line in rows.items()} == expected(ids)
    assert all(0 <= row < size for rows in parts.values() for row in rows)


def test_ids_that_all_differ_are_read_once():
    repeated = RepeatedIds()
    repeated.add(pa.array(["a", "b", None]))
    assert repeated.compare(pytest.fail("read again") for _ in range(1)) is False


def test_ids_take_17_bytes_of_memory_each_while_they_are_compared_and_none_later():
    rows, size = 2**20, 2**14
    tracemalloc.start()
    try:
        repeated = RepeatedIds()
        for begin in range(0, rows, size):
            repeated.add(pa.array(range(begin, begin + size)).cast(pa.string()))
        assert repeated.compare([]) is False
        later, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert repeated.within(0, rows) == {}
    assert peak <= 17 * rows + 100 * size
    assert later <= rows
