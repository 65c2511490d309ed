"""The holdout: which orders a key chooses, and what is kept out of review, against plain Python."""

import hashlib
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.manifest import Input
from schemas.result import POLICIES, held_out, queues, results
from schemas.validation import DecodedBatch
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import explain
from service.scoring.holdout import KeyedChooser, RecordedChooser
from tests.models import one_input

KEYS = st.binary(min_size=1, max_size=64)
SHARES = st.floats(0.001, 0.2)
IDS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9), max_size=60, unique=True)
MODEL = one_input(inputs=[Input("x", minimum=-3.0, maximum=3.0)])
MANY = [f"A-{number}" for number in range(200_000)]


def chosen(key, share, ids):
    return {ids[at] for at in KeyedChooser(share, key).choose(ids, range(len(ids)))}


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.2])
@pytest.mark.parametrize("key", [b"k" * 16, bytes(range(64))])
def test_the_chosen_orders_are_the_share_of_many_within_five_standard_deviations(share, key):
    found = len(chosen(key, share, MANY))
    assert abs(found - share * len(MANY)) < 5 * math.sqrt(len(MANY) * share * (1 - share))


@pytest.mark.parametrize("ids", [MANY, [f"{number:09}" for number in range(0, 2_000_000, 10)]])
def test_neighbouring_ids_are_chosen_independently(ids):
    flags = np.isin(ids, list(chosen(b"k" * 16, 0.1, ids)))
    both = np.count_nonzero(flags[1:] & flags[:-1])
    assert abs(both - 0.01 * len(ids)) < 5 * math.sqrt(len(ids) * 0.01)


@given(KEYS, SHARES, IDS)
def test_an_order_is_chosen_or_not_in_any_batch(key, share, ids):
    together = chosen(key, share, ids)
    assert together == {each for each in ids if chosen(key, share, [each])} == chosen(key, share, ids[::-1])


@given(KEYS, SHARES, IDS)
def test_an_order_is_chosen_where_its_keyed_hash_as_a_fraction_is_under_the_share(key, share, ids):
    fractions = {each: int(hashlib.blake2b(each.encode(), digest_size=8, key=key).hexdigest(), 16) / 2**64 for each in ids}
    assert chosen(key, share, ids) == {each for each, fraction in fractions.items() if fraction < share}


def test_a_larger_share_keeps_the_orders_of_a_smaller_one_and_another_key_chooses_others():
    few, more, others = (chosen(key, share, MANY) for key, share in ((b"a" * 16, 0.01), (b"a" * 16, 0.05), (b"b" * 16, 0.05)))
    assert few < more
    common = len(more & others)
    assert abs(common - 0.0025 * len(MANY)) < 5 * math.sqrt(0.0025 * len(MANY))


def test_a_key_is_not_shown():
    assert "SECRET" not in repr(Options("review", holdout=KeyedChooser(0.01, b"SECRET" * 3)))


class Chooser:
    """Chooses every order that it may."""

    share = 0.2

    def choose(self, ids, candidates):
        return [*candidates]


def decoded_batch(values, depots=None):
    ids = [f"O-{number}" for number in range(len(values))]
    context = {"depot": depots} if depots else {}
    return DecodedBatch(Batch(ids, np.array(values, float).reshape(-1, 1)), range(len(ids)), [], len(ids), "records", context)


VALUES = st.lists(st.sampled_from([-4.0, -1.0, 0.0, 0.5, 1.0, 2.5, 4.0]), min_size=1, max_size=40)
TOPS = st.none() | st.integers(1, 20)


@settings(max_examples=300)
@given(VALUES, st.sampled_from(POLICIES), TOPS, KEYS)
def test_only_orders_that_would_go_to_review_and_are_in_range_are_kept_out(values, policy, top, key):
    for chooser in (Chooser(), KeyedChooser(0.2, key)):
        plain = score_batch(MODEL, decoded_batch(values), Options(policy, True, top))
        scored = score_batch(MODEL, decoded_batch(values), Options(policy, True, top, holdout=chooser))
        marked, ids = held_out(scored), scored.decoded.batch.ids
        expected = set(chooser.choose(ids, range(len(ids))))
        in_range = (np.abs(scored.decoded.batch.matrix[:, 0]) <= 3.0).tolist()
        rows = zip(queues(plain), queues(scored), in_range, marked, strict=True)
        for at, (before, after, inside, mark) in enumerate(rows):
            assert mark == (before == "review" and inside and at in expected)
            assert after == ("monitor" if mark else before)
        assert scored.scores.reviews == queues(scored).count("review")
        assert [each.holdout for each in results(scored)] == marked
        assert scored.holdout.orders == [at for at, mark in enumerate(marked) if mark]


@settings(max_examples=200)
@given(VALUES, st.integers(1, 5), st.data())
def test_a_selection_keeps_its_ranks_and_counts_the_orders_that_do_go_to_review(values, top, data):
    depots = data.draw(st.lists(st.sampled_from([None, "EWR", "JFK"]), min_size=len(values), max_size=len(values)))
    decoded = decoded_batch(values, depots)
    orders = data.draw(st.sets(st.integers(0, len(values) - 1)))
    plain = score_batch(MODEL, decoded, Options("review", False, top, "depot"))
    scored = score_batch(MODEL, decoded, Options("review", False, top, "depot", holdout=RecordedChooser(0.1, orders)))
    assert scored.selection.ranks.tolist() == plain.selection.ranks.tolist()
    sizes, reviews = Counter(depots), Counter()
    lowest = {}
    for depot, queue, score, value in zip(depots, queues(scored), scored.scores.scores.tolist(), values, strict=True):
        if queue == "review":
            reviews[depot] += 1
            if abs(value) <= 3.0:
                lowest[depot] = min(score, lowest.get(depot, 2.0))
    found = {each.value: (each.orders, each.review, each.lowest_score) for each in scored.selection.groups}
    assert found == {depot: (size, reviews[depot], lowest.get(depot)) for depot, size in sizes.items()}
    assert scored.selection.reviews == scored.scores.reviews == scored.selection.review.sum()


@given(VALUES, TOPS, KEYS)
def test_the_recorded_orders_in_place_of_the_key_give_the_same_batch(values, top, key):
    first = score_batch(MODEL, decoded_batch(values), Options("review", False, top, holdout=KeyedChooser(0.2, key)))
    recorded = RecordedChooser(first.holdout.share, first.holdout.orders)
    again = score_batch(MODEL, decoded_batch(values), Options("review", False, top, holdout=recorded))
    assert (again.holdout, queues(again)) == (first.holdout, queues(first))
    if top is not None:
        assert again.selection.account == first.selection.account


def test_a_recorded_order_that_would_not_go_to_review_is_not_marked_again():
    scored = score_batch(MODEL, decoded_batch([-1.0, 1.0, 4.0]), Options("review", holdout=RecordedChooser(0.1, [0, 1, 2])))
    assert scored.holdout.orders == [1]
    assert queues(scored) == ["monitor", "monitor", "review"]


def test_an_order_that_is_kept_out_is_not_explained_where_reviews_are():
    options = Options("review", explain="review", holdout=RecordedChooser(0.1, [1]))
    scored = explain(score_batch(MODEL, decoded_batch([1.0, 2.0, -1.0]), options), options)
    assert scored.explanations.rows.tolist() == [0]
