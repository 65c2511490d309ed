"""Ranking: the orders of a scored batch in the order in which people look at them, those to review first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from model.core.batch import Positions
from model.core.manifest import NUMBER
from schemas.explanation import Reason
from schemas.faults import detail_of
from schemas.reasons import typical_values
from schemas.result import NAMED, ScoredBatch, listed, named, queues
from schemas.selection import Integers
from service.scoring.explanation import explanations
from service.scoring.selection import ranks_of, values_of
from service.ui.texts import MARKS, number

SHOWN, MOST_SHOWN = 100, 500
"""A page shows so many orders, or all to review up to so many, and SHOWN that are rejected; the CSV file has all."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order on the page: its `rank` in its group, its texts, what is special of its inputs, and its position in the file."""

    rank: int
    order_id: str
    context: Sequence[str | None]
    score: float
    queue: str
    reasons: Sequence[str]
    marks: Sequence[str]
    position: int


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """How many orders with this `value` of a context have a score and go to review."""

    value: str | None
    orders: int
    review: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """An order without a score: its row in the file, its id where that is usable, and what is wrong."""

    row: int
    order_id: str | None
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the page shows of a batch. `groups` are empty unless the orders are grouped."""

    orders: int
    review: int
    lowest: float | None
    shown: Sequence[Ranked]
    groups: Sequence[GroupCounts]
    rejected: int
    shown_rejected: Sequence[Rejected]


def order_of(scored: ScoredBatch, by: str | None, ranks: Integers) -> Positions:
    """(n,): the rows of the valid orders with these `ranks` (n,): those to review first, then by their value of the context
    `by`, then by rank.
    """
    values = values_of(scored.decoded, by)
    places = {value: place for place, value in enumerate(sorted({*values}, key=_by_value))}
    groups = np.fromiter(map(places.__getitem__, values), np.int64, len(values))
    found: Positions = np.lexsort((ranks, groups, ~scored.scores.review))
    return found


def ranking(scored: ScoredBatch, by: str | None, most_explained: int) -> Ranking:
    """The ranking of a batch, with its counts by the context `by`. So many orders are explained at most."""
    review, all_ranks = scored.scores.review, ranks_of(scored)
    rows = order_of(scored, by, all_ranks)[: min(max(scored.scores.reviews, SHOWN), MOST_SHOWN)]
    texts = [scored.decoded.context.get(name) for name in scored.model.manifest.context_names]
    reasons: list[Sequence[str]] = [()] * len(rows)
    reasons[:most_explained] = reasons_of(scored, rows[:most_explained])
    ranks, ids, names, scores = all_ranks[rows].tolist(), scored.decoded.batch.ids, queues(scored), scored.scores.values
    marks = {what: each for what, each in zip(NAMED, named(scored), strict=True) if what in scored.flags}
    shown = [
        Ranked(
            rank,
            ids[row],
            [None if each is None else each[row] for each in texts],
            scores[row],
            names[row],
            why,
            [f"{MARKS[what]}: {', '.join(each[row])}" for what, each in marks.items() if each[row]],
            scored.decoded.positions[row],
        )
        for rank, row, why in zip(ranks, rows.tolist(), reasons, strict=True)
    ]
    reviewed = scored.scores.scores[review] if len(review) else review
    lowest = float(reviewed.min()) if len(reviewed) else None
    faulty = [(position, [*faults]) for position, faults in groupby(listed(scored), lambda fault: fault.position or 0)]
    rejected = [
        Rejected(position + 2, faults[0].order_id, [f"{each.name or 'the order'}: {detail_of(each)}" for each in faults])
        for position, faults in faulty[:SHOWN]
    ]
    return Ranking(len(ids), scored.scores.reviews, lowest, shown, _groups(scored, by), len(faulty), rejected)


def reasons_of(scored: ScoredBatch, rows: Positions) -> list[Sequence[str]]:
    """The reasons of these orders in words, with the numbers that they are about and the typical ones."""
    if not len(rows):
        return []
    model, x = scored.model, scored.decoded.batch.matrix[rows].tolist()
    is_number = [each.kind == NUMBER for each in model.manifest.inputs]
    at = {name: column for column, name in enumerate(model.manifest.input_names)}
    typical = ["" if mean is None else number(mean, 4) for mean in typical_values(model)]

    def text(reason: Reason, values: Sequence[float]) -> str:
        column = at[reason.input]
        value = values[column]
        if not is_number[column] or value != value:
            return reason.text
        beside = f", {reason.side} typical {typical[column]}" if reason.side else ""
        return f"{reason.input} {number(value)}{beside}"

    given = zip(explanations(scored, rows).reasons, x, strict=True)
    return [[text(reason, values) for reason in each] for each, values in given]


def _by_value(value: str | None) -> tuple[bool, str]:
    """What sorts the values of a context. None is the last one."""
    return value is None, value or ""


def _groups(scored: ScoredBatch, by: str | None) -> list[GroupCounts]:
    """The groups in the order of their values; the orders without one are last."""
    if by is None:
        return []
    counts: dict[str | None, list[int]] = {}
    for value, reviewed in zip(values_of(scored.decoded, by), scored.scores.review.tolist(), strict=True):
        found = counts.setdefault(value, [0, 0])
        found[0] += 1
        found[1] += reviewed
    return [GroupCounts(value, *counts[value]) for value in sorted(counts, key=_by_value)]
