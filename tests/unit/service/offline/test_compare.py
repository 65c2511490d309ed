from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.manifest import Input
from model.core.network import Network
from schemas.files.row import Row
from service.offline.compare import Comparison, compare
from tests.models import layer, model_of, one_input
from tests.order_files import Rows

NAMES = ("backlog", "distance")


def model_with(*weights, bias=0.0, names=NAMES, maximum=None):
    """One layer of these weights, in the order of the names."""
    inputs = [Input(name, maximum=maximum) for name in names]
    return model_of(Network([layer([weights], [bias])]), inputs=inputs)


def rows(*pairs):
    return Rows(Row(at + 2, (), {"order_id": f"o{at}", **dict(zip(NAMES, pair, strict=True))}) for at, pair in enumerate(pairs))


def score_of(model, pair):
    return model.score(Batch(["o"], np.array([pair], np.float64))).scores[0]


FIRST = model_with(1.0, 0.0)
SECOND = model_with(0.0, 1.0)
NARROW = model_with(1.0, 0.0, maximum=5.0)
number = st.floats(-50, 50, allow_subnormal=False)


@pytest.mark.parametrize("orders", [[(1, 2), (-3, 4)], []])
def test_a_model_does_not_differ_from_itself(orders):
    assert compare(FIRST, FIRST, rows(*orders), "review") == Comparison(orders=len(orders))


def test_features_may_be_in_another_order():
    reversed_second = model_with(1.0, 0.0, names=NAMES[::-1])
    given = rows((-1, 1), (2, -0.5), (0.25, 3))
    assert compare(FIRST, reversed_second, given, "review") == compare(FIRST, SECOND, given, "review")


@pytest.mark.parametrize(("policy", "expected"), [("review", (2, 1, 0)), ("flag", (2, 0, 0)), ("refuse", (1, 0, 1))])
def test_orders_out_of_one_models_range_follow_the_policy(policy, expected):
    found = compare(FIRST, NARROW, rows((-1, 9), (-1, 1)), policy)
    assert (found.orders, found.to_review, found.alone, found.rejected) == (*expected, 0)


def test_an_order_that_overflows_in_one_model_is_scored_by_the_other_alone():
    steep = model_with(1e300, 0.0)
    found = compare(FIRST, steep, rows((1e300, 0), (1, 0)), "review")
    assert (found.orders, found.alone, found.rejected) == (1, 1, 0)


def test_rows_that_neither_model_scores_are_rejected():
    invalid = [
        Row(9, (), {}, "not_json"),
        Row(10, (), {"order_id": "bad", "backlog": "1", "distance": 1}),
        Row(11, (), {"order_id": "o0", "backlog": 1, "distance": 1}),
    ]
    found = compare(NARROW, NARROW, Rows([*rows((1, 1), (9, 1)), *invalid]), "refuse")
    assert (found.orders, found.alone, found.rejected) == (1, 0, 4)


def test_the_size_of_chunks_changes_nothing(monkeypatch):
    given = rows(*((n % 7 - 3, n % 5 - 2) for n in range(50)))
    whole = compare(FIRST, SECOND, given, "review")
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    assert compare(FIRST, SECOND, given, "review") == whole


@given(st.lists(st.tuples(number, number), min_size=1, max_size=20), number, number)
def test_it_counts_what_one_order_at_a_time_gives(pairs, weight, bias):
    other = model_with(weight, -1.0, bias=bias)
    found = compare(FIRST, other, rows(*pairs), "flag")
    scores = [(score_of(FIRST, pair), score_of(other, pair)) for pair in pairs]
    assert found.to_review == sum(before < 0.5 <= after for before, after in scores)
    assert found.to_monitor == sum(after < 0.5 <= before for before, after in scores)
    differences = [abs(before - after) for before, after in scores]
    assert found.difference == max(differences)
    assert found.order_id == (f"o{differences.index(found.difference)}" if found.difference else None)


def test_orders_that_change_their_queue_are_given_in_the_order_of_the_rows_in_any_chunks(monkeypatch):
    given = Rows([*rows((2, -1), (3, 3), (-4, 5)), Row(5, (), {}, "not_json")])
    expected = [("o0", "review", "monitor"), ("o2", "monitor", "review")]
    for size in (1, 10_000):
        monkeypatch.setattr("service.offline.chunks.CHUNK", size)
        changes = []
        compare(FIRST, SECOND, given, "review", changes.extend)
        assert [(each.order_id, each.queue_from, each.queue_to) for each in changes] == expected
        assert [(each.score_from, each.score_to) for each in changes] == [
            (score_of(FIRST, pair), score_of(SECOND, pair)) for pair in ((2, -1), (-4, 5))
        ]


def test_an_order_that_the_policy_of_one_model_alone_rejects_changes_no_queue():
    changes = []
    compare(FIRST, NARROW, rows((9, 9), (-1, 9)), "refuse", changes.extend)
    assert changes == []


def test_each_model_has_its_own_threshold():
    low = one_input()
    high = replace(low, manifest=replace(low.manifest, threshold=0.9))
    found = compare(low, high, Rows([Row(2, (), {"order_id": "a", "f0": 1})]), "review")
    assert (found.to_monitor, found.difference, found.order_id) == (1, 0.0, None)
