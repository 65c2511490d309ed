"""Replay: decision records made anew from their orders and their models, and compared. It records and counts nothing.

The records of a block that have the same model and options are scored together, since an order gets the same bits in any
batch. Where they differ, and where ranks, explanations or a holdout need it, each record is made anew by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from model.errors import NotExplainable
from schemas.decision_record import About, BadRecord, DecisionRecord, Holdout, RecordedModel, loads
from schemas.decision_record import record as record_of
from schemas.result import NAMED, ScoredBatch, flagged, queues
from service.decisions import recorded_orders
from service.decisions.blocks import Block
from service.decisions.comparison import Difference, compare, differ
from service.decisions.model_files import KnownModel, ModelFiles, NoModel
from service.decisions.reading import Line
from service.decisions.recorded_orders import NotReplayable
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import explain

MOST_NAMED = 3
"""So many orders are named of a field that differs."""


@dataclass(frozen=True, slots=True)
class FieldDiffers:
    """A field that differs, for so many `orders`, the first of which are `named`. 0 where it is not about single orders."""

    field: str
    orders: int
    named: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordDiffers:
    """A record that is not what its orders and its model give now, in the line of this `number`."""

    number: int
    decision_id: str
    fields: Sequence[FieldDiffers]


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no record, and why."""

    number: int
    reason: str


@dataclass(slots=True)
class Report:
    """What was found in some lines. `not_replayed` has lines by the reason, and how many records have it after the first.

    `arithmetic` counts the records by their number; `models` has those that were compared, and whether by bits.
    """

    records: int = 0
    orders: int = 0
    differing: list[RecordDiffers] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    not_replayed: dict[str, tuple[str, int]] = field(default_factory=dict)
    arithmetic: Counter[int] = field(default_factory=Counter)
    models: dict[RecordedModel, bool] = field(default_factory=dict)

    def leave_out(self, reason: str, line: str, records: int = 1) -> None:
        """Count records that cannot be replayed for this reason, the first of them in this line."""
        first, count = self.not_replayed.get(reason, (line, 0))
        self.not_replayed[reason] = first, count + records

    def add(self, other: "Report") -> None:
        """Add what was found in later lines, without the lists of them."""
        self.records += other.records
        self.orders += other.orders
        self.arithmetic += other.arithmetic
        self.models |= other.models
        for reason, (line, count) in other.not_replayed.items():
            self.leave_out(reason, line, count)


@dataclass(frozen=True, slots=True)
class _Read:
    """A record and the line it is in."""

    line: Line
    record: DecisionRecord


class Replay:
    """Replays blocks of decision logs with these models."""

    def __init__(self, models: ModelFiles) -> None:
        self._models = models

    def __call__(self, block: Block) -> Report:
        """What is found in a block."""
        report = Report()
        alike: defaultdict[object, list[_Read]] = defaultdict(list)
        for line in block.lines():
            try:
                record = loads(line.text)
                recorded_orders.require_complete(record)
                recorded_orders.require_replayable(record)
            except BadRecord as error:
                report.unread.append(Unread(line.number, str(error)))
            except NotReplayable as error:
                report.leave_out(str(error), str(line))
            else:
                alike[_options(record)].append(_Read(line, record))
        for reads in alike.values():
            self._replay(reads, report)
        return report

    def _replay(self, reads: Sequence[_Read], report: Report) -> None:
        """Replay records with the same options."""
        recorded = reads[0].record.model
        try:
            known = self._models.get(recorded)
        except NoModel as error:
            reason = f"model {recorded.name} {recorded.version} (sha256 {recorded.sha256}): {error}"
            report.leave_out(reason, str(reads[0].line), len(reads))
            return
        report.models[recorded] = known.exact
        records = [read.record for read in reads]
        if _are_together(records[0]) and _same(known, records):
            _count(report, records)
            return
        for read in reads:
            try:
                found = _differences(known, read.record)
            except BadRecord as error:
                report.unread.append(Unread(read.line.number, str(error)))
                continue
            _count(report, [read.record])
            if found:
                fields = [_named(each, read.record) for each in found]
                report.differing.append(RecordDiffers(read.line.number, read.record.decision_id, fields))


def _options(record: DecisionRecord) -> object:
    """What records have in common that are scored together."""
    if not _are_together(record):
        return record.decision_id, id(record)
    return record.model, record.policy, record.threshold, record.inputs


def _are_together(record: DecisionRecord) -> bool:
    given = record.selection, record.ranks, record.explain, record.explanations, record.holdout
    return given == (None,) * len(given)


def _count(report: Report, records: Sequence[DecisionRecord]) -> None:
    report.records += len(records)
    report.orders += sum(map(len, records))
    report.arithmetic.update(record.arithmetic for record in records)


def _named(difference: Difference, record: DecisionRecord) -> FieldDiffers:
    orders = difference.orders
    ids = [f"number {at + 1}" if record.order_ids is None else record.order_ids[at] for at in orders[:MOST_NAMED]]
    return FieldDiffers(difference.field, len(orders), ids)


def _same(known: KnownModel, records: Sequence[DecisionRecord]) -> bool:
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


def _differences(known: KnownModel, record: DecisionRecord) -> list[Difference]:
    """The fields of a record that are not what its orders give now. Raises BadRecord."""
    if record.inputs != known.model.manifest.input_names:
        return [Difference("inputs")]
    selection = record.selection or {}
    top, by = selection.get("review_top"), selection.get("by")
    options = Options(record.policy, record.on_error == "partial", top, by, record.explain, record.changes)
    decoded = recorded_orders.alone(known.validator, record)
    scored = score_batch(known.model, decoded, options)
    if scored.answered != len(record):
        rejected = sorted({fault.position or 0 for fault in scored.decoded.faults})
        return [Difference("values", tuple(rejected))]
    kept_out = record.holdout and _kept_out(scored, record.holdout)
    try:
        scored = explain(kept_out or scored, options)
    except NotExplainable:
        return [Difference("explanations")]
    about = About(
        record.at, record.decision_id, record.request_id, record.service_version, record.caller, record.explain, record.changes
    )
    anew = replace(record_of(scored, about, record.omitted), holdout=record.holdout if kept_out else None)
    return compare(record, anew, known.exact)


def _kept_out(scored: ScoredBatch, holdout: Holdout) -> ScoredBatch | None:
    """The batch with the orders of the holdout out of review; None unless all of them would go there and are in range."""
    marked = np.zeros(scored.answered, np.bool_)
    if not set(holdout.orders).issubset(range(len(marked))):
        return None
    marked[holdout.orders] = True
    review = scored.scores.review
    if (marked & ~(review & ~scored.scores.out_of_range.any(axis=1))).any():
        return None
    return replace(scored, scores=scored.scores.with_review(review & ~marked))
