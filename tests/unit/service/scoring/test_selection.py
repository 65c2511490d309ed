"""The selection against a sort in plain Python: ties, ids by code point, groups, and orders out of range under each policy."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.manifest import Input
from schemas.result import POLICIES, queues
from schemas.validation import DecodedBatch
from service.scoring.batch import Options, score_batch
from service.scoring.selection import select_of_batch
from tests.models import one_input

DEPOTS = st.sampled_from([None, "", "EWR", "JFK", "é", "\uff5e", "\U0001f69a"])
IDS = st.text("aZ0é\uff5e\U00010000\U0001f69a", min_size=1, max_size=3)  # in UTF-16 the last two are before the one before them
ORDERS = st.lists(
    st.tuples(IDS, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans(), DEPOTS), max_size=40, unique_by=lambda order: order[0]
)


def decoded_batch(ids, values, depots=None):
    batch = Batch(ids, np.array(values, float).reshape(-1, 1))
    context = {} if depots is None else {"depot": depots}
    return DecodedBatch(batch, range(len(ids)), [], len(ids), "records", context)


def sorted_ranks(orders, policy):
    """The rank of each order, by its id; (id, score, out of range, group) are the orders."""
    groups = defaultdict(list)
    for order in orders:
        groups[order[3]].append(order)
    return {
        order_id: rank
        for group in groups.values()
        for rank, (order_id, *_) in enumerate(
            sorted(group, key=lambda order: (policy == "review" and not order[2], -order[1], order[0])), 1
        )
    }


@settings(max_examples=500)
@given(ORDERS, st.sampled_from(POLICIES), st.integers(1, 50), st.booleans())
def test_ranks_and_groups_are_those_of_a_sort_in_plain_python(orders, policy, review_top, grouped):
    ids, scores, outside, depots = map(list, zip(*orders, strict=True)) if orders else ([], [], [], [])
    by = "depot" if grouped else None
    decoded = decoded_batch(ids, scores, depots)
    selection = select_of_batch(decoded, np.array(scores, float), np.array(outside, bool), policy, review_top, by)
    expected = sorted_ranks([(*order[:3], order[3] if grouped else None) for order in orders], policy)
    assert dict(zip(ids, selection.ranks.tolist(), strict=True)) == expected
    assert selection.review.tolist() == [expected[order_id] <= review_top for order_id in ids]

    members = defaultdict(list)
    for order in orders:
        members[order[3] if grouped else None].append(order)
    assert [group.value for group in selection.groups] == sorted(members, key=lambda value: (value is None, value or ""))
    for group in selection.groups:
        taken = [order for order in members[group.value] if expected[order[0]] <= review_top]
        in_range = [score for _, score, out, _ in taken if not out]
        found = (group.orders, group.review, group.lowest_score)
        assert found == (len(members[group.value]), len(taken), min(in_range, default=None))
    assert selection.reviews == selection.review.sum()


MODEL = one_input(inputs=[Input("x", minimum=-10.0, maximum=10.0)])


@pytest.mark.parametrize("values", [[1.0, 11.0, 2.0, 12.0, 0.0], [1.0, 2.0, 0.0]], ids=["out of range", "few rows"])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_queues_follow_the_ranks_and_not_the_threshold_or_the_policy(values, policy):
    decoded = decoded_batch([f"O-{value:g}" for value in values], values)
    scored = score_batch(MODEL, decoded, Options(policy, review_top=1))
    first = {"review": 12.0, "flag": 12.0, "refuse": 2.0}[policy] if 12.0 in values else 2.0
    assert dict(zip(scored.decoded.batch.ids, queues(scored), strict=True)) == {
        order_id: "review" if order_id == f"O-{first:g}" else "monitor" for order_id in scored.decoded.batch.ids
    }
    assert (scored.scores.reviews, scored.selection.reviews) == (1, 1)


def test_an_order_that_is_rejected_takes_no_place_and_the_others_keep_their_groups():
    decoded = decoded_batch(["a", "b", "c", "d"], [1.0, 12.0, 2.0, 3.0], ["EWR", "JFK", "JFK", "EWR"])
    selection = score_batch(MODEL, decoded, Options("refuse", True, 1, "depot")).selection
    assert selection.ranks.tolist() == [2, 1, 1]
    assert [(group.value, group.orders) for group in selection.groups] == [("EWR", 2), ("JFK", 1)]


def test_orders_without_the_context_are_one_group_even_where_no_order_has_it():
    selection = score_batch(MODEL, decoded_batch(["a", "b"], [1.0, 2.0]), Options("review", False, 1, "depot")).selection
    assert selection.account == {
        "review_top": 1,
        "by": "depot",
        "lowest_score": pytest.approx(1 / (1 + np.exp(-2.0))),
        "groups": [{"value": None, "orders": 2, "review": 1, "lowest_score": selection.groups[0].lowest_score}],
    }
