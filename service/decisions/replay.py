"""Replay: decision records made anew from their orders and their models, and compared. It records and counts nothing.

The records of a block that have the same model and options are scored together, since an order gets the same bits in any
batch. Where they differ, and where ranks, explanations or a holdout need it, each record is made anew by itself.
"""

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import UNSET

from schemas.decision_record import BadRecord, DecisionRecord, loads
from service.decisions import recorded_orders
from service.decisions.blocks import Block
from service.decisions.comparison import Difference
from service.decisions.model_files import ModelFiles, NoModel
from service.decisions.recorded_orders import NotReplayable
from service.decisions.replay_report import FieldDiffers, RecordDiffers, Report, Unread
from service.decisions.scored_again import all_same, differences

MOST_NAMED = 3
"""So many orders are named of a field that differs."""


class _Read(NamedTuple):
    """A record, and the number of its line."""

    number: int
    record: DecisionRecord


class Replay:
    """Replays blocks of decision logs with these models."""

    def __init__(self, models: ModelFiles) -> None:
        self._models = models

    def __call__(self, block: Block) -> Report:
        """What is found in a block."""
        with _no_collection():
            return self._of_block(block)

    def _of_block(self, block: Block) -> Report:
        report = Report()
        alike: defaultdict[object, list[_Read]] = defaultdict(list)
        for number, text in zip(block.numbers, block.texts, strict=True):
            try:
                record = loads(text)
                recorded_orders.require_complete(record)
                recorded_orders.require_replayable(record)
            except BadRecord as error:
                report.unread.append(Unread(number, str(error)))
            except NotReplayable as error:
                report.leave_out(str(error), block.line(number))
            else:
                alike[_options(record)].append(_Read(number, record))
        for reads in alike.values():
            self._replay(block, reads, report)
        return report

    def _replay(self, block: Block, reads: Sequence[_Read], report: Report) -> None:
        """Replay records with the same options."""
        recorded = reads[0].record.model
        try:
            known = self._models.get(recorded)
        except NoModel as error:
            reason = f"model {recorded.name} {recorded.version} (sha256 {recorded.sha256}): {error}"
            report.leave_out(reason, block.line(reads[0].number), len(reads))
            return
        report.models[recorded] = known.exact
        records = [read.record for read in reads]
        if _are_together(records[0]) and all_same(known, records):
            _count(report, records)
            return
        for read in reads:
            try:
                found = differences(known, read.record)
            except BadRecord as error:
                report.unread.append(Unread(read.number, str(error)))
                continue
            _count(report, [read.record])
            if found:
                fields = [_named(each, read.record) for each in found]
                report.differing.append(RecordDiffers(read.number, read.record.decision_id, fields))


@contextmanager
def _no_collection() -> Iterator[None]:
    """In the block no cycles are searched for, which would take half the time of many small records. They have none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _options(record: DecisionRecord) -> object:
    """What records have in common that are scored together."""
    if not _are_together(record):
        return record.decision_id, id(record)
    return record.model, record.policy, record.threshold, record.inputs


def _are_together(record: DecisionRecord) -> bool:
    given = record.selection, record.ranks, record.explain, record.holdout
    return record.explanations is UNSET and given == (None,) * len(given)


def _count(report: Report, records: Sequence[DecisionRecord]) -> None:
    report.records += len(records)
    report.orders += sum(map(len, records))
    report.arithmetic.update(record.arithmetic for record in records)


def _named(difference: Difference, record: DecisionRecord) -> FieldDiffers:
    orders = difference.orders
    ids = [f"number {at + 1}" if record.order_ids is None else record.order_ids[at] for at in orders[:MOST_NAMED]]
    return FieldDiffers(difference.field, len(orders), ids)
