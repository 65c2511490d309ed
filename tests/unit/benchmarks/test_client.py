"""The benchmark's client: its requests, the end of an answer, and the count of outcomes."""

from collections import Counter
from itertools import islice

import pytest

from tests.benchmarks.client import load, parsed, requests
from tests.unit.benchmarks.scripted import answer, scripted

GOOD = answer(200, b"hello")


def test_requests_that_differ_have_one_shape_and_other_ids_each():
    made = list(islice(requests("/score", b"body", differ=True), 1000))
    assert len(set(made)) == 1000
    assert len({(len(one), tuple(line.split(b":")[0] for line in one.split(b"\r\n"))) for one in made}) == 1


def test_requests_that_do_not_differ_are_equal():
    assert len(set(islice(requests("/score", b"body", differ=False), 100))) == 1


def test_an_answer_ends_with_the_last_byte_that_its_head_states():
    assert [parsed(GOOD[:size]) for size in range(len(GOOD))] == [None] * len(GOOD)
    assert parsed(GOOD) == (200, b"hello")


def test_an_answer_without_a_length_is_an_error():
    with pytest.raises(ValueError, match="Content-Length"):
        parsed(b"HTTP/1.1 200 OK\r\n\r\n")


def test_the_load_counts_every_answer_by_its_status_and_every_lost_one():
    with scripted([GOOD, answer(503, b"busy"), GOOD, None]) as (port, given):
        found = load(port, requests("/score", b"{}", differ=True), 4, 0.3)
    assert given[None] > 0
    assert found.statuses == Counter({200: given[GOOD], 503: given[answer(503, b"busy")]})
    assert found.failures.total() == given[None]
    assert len(found.seconds) == found.statuses[200]
