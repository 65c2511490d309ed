"""The orders of decision records, as the batch that the service scored."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any

import numpy as np

from model.core.batch import FEW_ORDERS, Batch, Floats
from model.core.manifest import CATEGORY, Input
from schemas.decision_record import BadRecord, DecisionRecord, Values, unpack
from schemas.order_columns import Column
from schemas.validation import BatchValidator, DecodedBatch


class NotReplayable(Exception):
    """A record lacks what made its scores. The message says what."""


def require_replayable(record: DecisionRecord) -> None:
    """Raise NotReplayable unless a record has all that made its scores."""
    if record.values is None:
        raise NotReplayable("its values are omitted")
    if "context" in record.omitted and record.selection is not None and "by" in record.selection:
        raise NotReplayable("its context is omitted, by whose values its orders were selected")


def require_complete(record: DecisionRecord) -> None:
    """Raise BadRecord unless each list has an entry for each order."""
    lists = (record.queues, record.order_ids, record.ranks, record.logits, record.scores, *(record.values or ()))
    found = {len(each) for each in lists if each is not None and type(each) is not bytes}
    if record.context:
        found.update(map(len, record.context.values()))
    if len(found) > 1:
        raise BadRecord("lists of different lengths")
    if record.values is not None and len(record.values) != len(record.inputs):
        raise BadRecord(f"values of {len(record.values)} inputs instead of {len(record.inputs)}")
    if 0 in found:
        raise BadRecord("a record without orders")
    if record.selection is not None and not _is_readable(record.selection):
        raise BadRecord("a selection that cannot be read")


def _is_readable(selection: Mapping[str, Any]) -> bool:
    top = selection.get("review_top", 0)
    return isinstance(top, int) and 0 <= top < 2**63 and isinstance(selection.get("by", ""), str)


def joined(parts: Sequence[Values], orders: Sequence[int]) -> Floats:
    """The numbers of records that have so many `orders`, one after the other, NaN for a missing one. Raises BadRecord."""
    if len(parts) > 1 and bytes not in set(map(type, parts)):
        return unpack(list(chain.from_iterable(parts)), sum(orders))
    return np.concatenate([unpack(part, count) for part, count in zip(parts, orders, strict=True)])


def columns(records: Sequence[DecisionRecord], inputs: Sequence[Input]) -> list[Column]:
    """The values of records, one after the other: a column for each input. Raises BadRecord."""
    orders = list(map(len, records))
    found: list[Column] = []
    for each, parts in zip(inputs, zip(*(record.values or () for record in records), strict=True), strict=True):
        if each.kind != CATEGORY:
            found.append(joined(parts, orders))
            continue
        texts: list[Any] = list(chain.from_iterable(parts))
        if not {str, type(None)}.issuperset(map(type, texts)) or any(isinstance(part, bytes) for part in parts):
            raise BadRecord("values of a category that are no texts")
        found.append(texts)
    return found


def together(validator: BatchValidator, records: Sequence[DecisionRecord]) -> DecodedBatch | None:
    """The orders of records as one batch without ids and contexts, which no score depends on; None if any is invalid.

    Raises BadRecord.
    """
    found, count = columns(records, validator.inputs), sum(map(len, records))
    matrix = validator.columns.matrix(found, count)
    if matrix is None or any(len(set(each.order_ids or ())) != len(each.order_ids or ()) for each in records):
        return None
    batch = Batch([""] * count, matrix)
    return DecodedBatch(batch, range(count), [], count, categories=validator.columns.categories(found))


def alone(validator: BatchValidator, record: DecisionRecord) -> DecodedBatch:
    """The orders of a record, and the faults of those that are invalid. Raises BadRecord."""
    orders, found = len(record), columns([record], validator.inputs)
    none: list[str | None] = [None] * orders
    texts = [list(record.context.get(name, none)) for name in validator.contexts]
    ids = _ids(record)
    numbers = [each.tolist() if isinstance(each, np.ndarray) and orders <= FEW_ORDERS else each for each in found]
    valid = validator.typed(ids, [*numbers, *texts])
    return valid or validator.decode_columns(ids, [*map(_listed, found), *texts])


def _ids(record: DecisionRecord) -> list[str]:
    """The ids of its orders. Where they are omitted, others whose order is that of the ranks, since ids decide ties."""
    if record.order_ids is not None:
        return list(record.order_ids)
    ranks = record.ranks or islice(repeat(0), len(record))
    return [f"{rank:020d}-{at}" for at, rank in enumerate(ranks)]


def _listed(column: Any) -> list[Any]:
    return (
        [None if number != number else number for number in column.tolist()] if isinstance(column, np.ndarray) else list(column)
    )
