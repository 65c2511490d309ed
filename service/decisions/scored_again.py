"""Records scored again: whether they are what their orders and their model give now.

Many records may be scored as one batch, since an order gets the same bits in any batch.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from model.errors import NotExplainable
from schemas.decision_record import About, BadRecord, DecisionRecord
from schemas.decision_record import record as record_of
from schemas.result import NAMED, flagged, queues
from service.decisions import recorded_orders
from service.decisions.comparison import Difference, compare, differ
from service.decisions.model_files import KnownModel
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import explain
from service.scoring.holdout import RecordedChooser


def all_same(known: KnownModel, records: Sequence[DecisionRecord]) -> bool:
    """Whether records with the same options are what their orders give now, all in one batch."""
    first, manifest = records[0], known.model.manifest
    said = first.model.name, first.model.version, first.threshold, first.inputs
    if said != (manifest.name, manifest.version, manifest.threshold, manifest.input_names):
        return False
    try:
        decoded = recorded_orders.together(known.validator, records)
        if decoded is None:
            return False
        scored = score_batch(known.model, decoded, Options(first.policy))
        orders = list(map(len, records))
        if scored.answered != sum(orders):
            return False
        for name, found in (("logits", scored.scores.logits), ("scores", scored.scores.scores)):
            recorded = recorded_orders.joined([getattr(record, name) for record in records], orders)
            if differ(recorded, np.ascontiguousarray(found), known.exact).any():
                return False
    except BadRecord:
        return False
    recorded_queues = [queue for record in records for queue in record.queues]
    named = {what: {name: [*rows] for name, rows in each.items()} for what, each in flagged(scored).items()}
    return recorded_queues == queues(scored) and _flags(records) == named


def _flags(records: Iterable[DecisionRecord]) -> Mapping[str, Mapping[str, list[int]]]:
    """By what results name inputs for, the indices in the batch of all orders of these records."""
    found: dict[str, dict[str, list[int]]] = {}
    start = 0
    for record in records:
        if record.out_of_range or record.imputed or record.unknown:
            for what in NAMED:
                for name, rows in getattr(record, what).items():
                    # an index that is not of the record stays one that no order has
                    rows = [start + row if 0 <= row < len(record) else -1 for row in rows]
                    found.setdefault(what, {}).setdefault(name, []).extend(rows)
        start += len(record)
    return found


def differences(known: KnownModel, record: DecisionRecord) -> list[Difference]:
    """The fields of a record that are not what its orders give now. Raises BadRecord."""
    if record.inputs != known.model.manifest.input_names:
        return [Difference("inputs")]
    selection = record.selection or {}
    top, by = selection.get("review_top"), selection.get("by")
    held = record.holdout
    holdout = None if held is None else RecordedChooser(held.share, frozenset(held.orders))
    options = Options(record.policy, record.on_error == "partial", top, by, record.explain, record.changes, holdout)
    decoded = recorded_orders.alone(known.validator, record)
    scored = score_batch(known.model, decoded, options)
    if scored.answered != len(record):
        rejected = sorted({fault.position or 0 for fault in scored.decoded.faults})
        return [Difference("values", tuple(rejected))]
    try:
        scored = explain(scored, options)
    except NotExplainable:
        return [Difference("explanations")]
    about = About(
        record.at, record.decision_id, record.request_id, record.service_version, record.caller, record.explain, record.changes
    )
    return compare(record, record_of(scored, about, record.omitted), known.exact)
