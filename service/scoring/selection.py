"""Selection of the orders for review, by rank: out of range first where the policy is `review`, then by score, then by id.

Ids are compared by code point, as Python compares str. The rest is one stable sort by several keys, numpy.lexsort.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from model.core.batch import Flags, Floats
from model.core.few_rows import FewScores
from model.core.risk_model import Scores
from schemas.result import Policy, ScoredBatch
from schemas.selection import Group, Integers, Selection
from schemas.validation import DecodedBatch


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """n orders with `scores` (n,); `outside` (n,) says which are out of range, `codes` (n,) which group each is in.

    `by_id` (n,) has their positions in the order of their ids.
    """

    scores: Floats
    outside: Flags
    codes: Integers
    by_id: Integers


class Groups:
    """The groups of orders by the context `by`; None is one group of all. `values` has the value of each code."""

    def __init__(self, by: str | None) -> None:
        self.by = by
        self._codes: dict[str | None, int] = {}

    @property
    def values(self) -> Sequence[str | None]:
        return list(self._codes)

    def codes(self, values: Sequence[str | None]) -> Integers:
        """(n,): the codes of the values of n orders. New values get new codes."""
        for value in {*values} - self._codes.keys():
            self._codes[value] = len(self._codes)
        return np.fromiter(map(self._codes.__getitem__, values), np.int64, len(values))


def values_of(decoded: DecodedBatch, by: str | None) -> Sequence[str | None]:
    """The values of a context of the n orders of a batch, None for each without one."""
    none = [None] * len(decoded.batch)
    return none if by is None else decoded.context.get(by, none)


def select_of_batch(
    decoded: DecodedBatch, scores: Floats, outside: Flags, policy: Policy, review_top: int, by: str | None
) -> Selection:
    """The selection of a batch whose n orders have these `scores` and are `outside` of the model's range or not."""
    ids, groups = decoded.batch.ids, Groups(by)
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    codes = groups.codes(values_of(decoded, by))
    return select(Candidates(scores, outside, codes, by_id), groups, policy, review_top)


def ranks_of(scored: ScoredBatch) -> Integers:
    """(n,): the ranks of a scored batch, those of its selection or, without one, the places that one would give to all."""
    if scored.selection is not None:
        return scored.selection.ranks
    outside = np.any(scored.scores.out_of_range, axis=1)
    return select_of_batch(scored.decoded, scored.scores.scores, outside, scored.policy, 1, None).ranks


def select(candidates: Candidates, groups: Groups, policy: Policy, review_top: int) -> Selection:
    """The selection of the first `review_top` orders of each group."""
    scores, outside, codes, by_id = candidates.scores, candidates.outside, candidates.codes, candidates.by_id
    first = outside if policy == "review" else np.zeros_like(outside)
    order = by_id[np.lexsort((-scores[by_id], ~first[by_id], codes[by_id]))]
    sizes = np.bincount(codes, minlength=len(groups.values))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    review = ranks <= review_top
    return Selection(review_top, groups.by, ranks, review, _counted(groups, codes, scores, outside, review))


def without_holdout(selection: Selection, decoded: DecodedBatch, scores: Scores | FewScores) -> Selection:
    """The selection with the ranks as they are, of which the orders go to review that these scores say."""
    groups, review, outside = Groups(selection.by), scores.review, np.any(scores.out_of_range, axis=1)
    codes = groups.codes(values_of(decoded, selection.by))
    return replace(selection, review=review, groups=_counted(groups, codes, scores.scores, outside, review))


def _counted(groups: Groups, codes: Integers, scores: Floats, outside: Flags, review: Flags) -> list[Group]:
    """The groups of n orders, of which these go to review."""
    sizes, reviews = (np.bincount(each, minlength=len(groups.values)).tolist() for each in (codes, codes[review]))
    taken = np.flatnonzero(review & ~outside)
    lowest = np.full(len(sizes), np.inf)
    np.minimum.at(lowest, codes[taken], scores[taken])
    found = [
        Group(value, size, reviewed, None if low == np.inf else low)
        for value, size, reviewed, low in zip(groups.values, sizes, reviews, lowest.tolist(), strict=True)
    ]
    return sorted(found, key=lambda group: (group.value is None, group.value or ""))
