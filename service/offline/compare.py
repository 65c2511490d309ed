"""Two models compared on a file of orders, by the same policy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from model.core.batch import Batch
from model.core.risk_model import RiskModel
from schemas.files.row import Reader
from schemas.result import Policy, ScoredBatch, queues
from service.offline.chunks import read_chunks
from service.scoring.batch import Options, score_batch


@dataclass(slots=True)
class Comparison:
    """Counts of rows: `orders` are scored by both models, `alone` by one of them, `rejected` by none.

    Of the orders that both score: how many go `to_review` with the second model only, how many `to_monitor` with it only,
    and the largest `difference` of the two scores, with the first order that has it.
    """

    orders: int = 0
    alone: int = 0
    rejected: int = 0
    to_review: int = 0
    to_monitor: int = 0
    difference: float = 0.0
    order_id: str | None = None


class Change(NamedTuple):
    """An order that changes its queue: its score and queue by the first model, then those by the second."""

    order_id: str
    score_from: float
    queue_from: str
    score_to: float
    queue_to: str


def compare(
    first: RiskModel,
    second: RiskModel,
    reader: Reader,
    policy: Policy,
    changed: Callable[[Iterable[Change]], object] | None = None,
) -> Comparison:
    """Compare the scores of these rows. Both models take the same inputs, in any order.

    `changed` is called with the orders that change their queue, in the order of the rows.
    """
    names = first.manifest.input_names
    columns = [names.index(name) for name in second.manifest.input_names]
    found = Comparison()
    for chunk in read_chunks(first.manifest.inputs, reader):
        one = score_batch(first, chunk.decoded, Options(policy))
        reordered = Batch(chunk.decoded.batch.ids, chunk.decoded.batch.matrix[:, columns])
        other = score_batch(second, replace(chunk.decoded, batch=reordered), Options(policy))
        common, here, there = np.intersect1d(
            one.decoded.positions, other.decoded.positions, assume_unique=True, return_indices=True
        )
        alone = len(one.decoded.batch) + len(other.decoded.batch) - 2 * len(common)
        found.orders += len(common)
        found.alone += alone
        found.rejected += len(chunk.read) + len(chunk.rejected) - len(common) - alone
        before, after = one.scores.review[here], other.scores.review[there]
        found.to_review += int((after & ~before).sum())
        found.to_monitor += int((before & ~after).sum())
        if changed is not None:
            changed(_changes(one, other, here[before != after].tolist(), there[before != after].tolist()))
        differences = np.abs(one.scores.scores[here] - other.scores.scores[there])
        if differences.max(initial=0.0) > found.difference:
            widest = int(differences.argmax())
            found.difference, found.order_id = float(differences[widest]), one.decoded.batch.ids[here[widest]]
    return found


def _changes(one: ScoredBatch, other: ScoredBatch, here: Sequence[int], there: Sequence[int]) -> Iterator[Change]:
    """The changes of these rows of one batch, which are those rows of the other."""
    queues_from, queues_to = queues(one), queues(other)
    for before, after in zip(here, there, strict=True):
        scores = float(one.scores.scores[before]), float(other.scores.scores[after])
        yield Change(one.decoded.batch.ids[before], scores[0], queues_from[before], scores[1], queues_to[after])
