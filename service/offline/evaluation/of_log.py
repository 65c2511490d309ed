"""Orders of a decision log, joined with what happened to them.

An outcome belongs to the first decision of its order, if that was at or before the time of the outcome: the decision that
people could act on. The log is read twice, first for the outcomes, then for their decisions; memory is in proportion to the
outcomes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from model.core.batch import Flags, Floats, Positions
from model.core.manifest import CATEGORY, Input
from model.core.risk_model import RiskModel
from schemas import outcome
from schemas.decision_record import BadRecord, DecisionRecord, RecordedModel, loads, unpack
from schemas.validation import BatchValidator
from service.decisions import reading
from service.offline.evaluation.latest_outcomes import LatestOutcomes, latest_outcomes
from service.offline.evaluation.orders import EvaluatedOrders


@dataclass(slots=True)
class LeftOut:
    """What is not among the joined orders, by why.

    Orders: `without_decision` have an outcome, but no decision at or before it; `without_values` lack the values of the model's
    inputs in the record. Decisions: `without_outcome`; `not_first` of their order, or after its outcome. Lines: `without_ids`
    are records without ids or with generated ones, `torn`, and `unreadable`.
    """

    without_decision: int = 0
    without_values: int = 0
    without_outcome: int = 0
    not_first: int = 0
    without_ids: int = 0
    torn: int = 0
    unreadable: int = 0

    def notes(self) -> list[str]:
        """A sentence on each of them that there is."""
        return [_NOTES[name].format(count) for name, count in asdict(self).items() if count]


_NOTES = {
    "without_decision": "Outcomes of {} orders have no decision at or before them.",
    "without_values": "{} orders are left out because their records lack values that the model takes.",
    "without_outcome": "{} decisions have no outcome yet.",
    "not_first": "{} decisions are not the first of their order, or came after its outcome.",
    "without_ids": "{} records have no order ids, so no outcome finds them.",
    "torn": "{} torn lines are skipped.",
    "unreadable": "{} lines cannot be read and are skipped.",
}


@dataclass(frozen=True, slots=True, eq=False)
class JoinedOrders:
    """The joined `orders`, by decision time; the `models` that decided, that with most orders first; and what is `left_out`.

    `model_at` (n,) are indices of the models.
    """

    orders: EvaluatedOrders
    models: Sequence[RecordedModel]
    model_at: Positions
    left_out: LeftOut

    def of_model(self, at: int) -> EvaluatedOrders:
        """The orders that were decided by the model at this index."""
        return _taken(self.orders, np.flatnonzero(self.model_at == at))


@dataclass(frozen=True, slots=True)
class _Decided:
    """The decision of one order; `x` is None where the record lacks values."""

    at: datetime
    decision_id: str
    model: RecordedModel
    score: float
    review: bool
    share: float | None
    context: Mapping[str, str | None]
    x: Floats | None


def joined(paths: Iterable[str], model: RiskModel | None = None) -> JoinedOrders:
    """The orders in these files and folders that have an outcome and a decision.

    With a model, `x` has the inputs that it takes, whichever model decided, and orders without them are left out; without one,
    `x` has no columns. The `share` of the holdout is the one by which its orders count as often as by those of their records;
    0 where no order is in a holdout. Raises NoLog.
    """
    paths = list(paths)
    latest = latest_outcomes(_files(paths, reading.OUTCOMES, reading.DECISIONS))
    left_out = LeftOut(torn=latest.torn, unreadable=latest.unreadable)
    inputs = () if model is None else model.manifest.inputs
    decided: dict[str, _Decided] = {}
    for record in _records(_files(paths, reading.DECISIONS, reading.OUTCOMES), left_out):
        _add(decided, latest, record, inputs, left_out)
    left_out.without_decision = len(latest.outcomes) - len(decided)
    complete = {order_id: each for order_id, each in decided.items() if each.x is not None}
    left_out.without_values = len(decided) - len(complete)
    return _joined(complete, latest, len(inputs), left_out)


def _files(paths: Iterable[str], kind: str, other: str) -> list[Path]:
    return [path for path in reading.log_files(paths, kind) if not path.name.startswith(f"{other}-")]


def _records(files: Iterable[Path], left_out: LeftOut) -> Iterator[DecisionRecord]:
    for path in files:
        for line in reading.lines(path):
            if line.torn:
                left_out.torn += 1
                continue
            try:
                yield loads(line.text)
            except BadRecord:
                left_out.unreadable += not _is_outcomes(line.text)


def _is_outcomes(text: bytes) -> bool:
    try:
        return outcome.loads(text) is not None
    except BadRecord:
        return False


def _add(
    decided: dict[str, _Decided], latest: LatestOutcomes, record: DecisionRecord, inputs: Sequence[Input], left_out: LeftOut
) -> None:
    """Keep the decisions of a record that are the first so far of orders with outcomes."""
    if record.order_ids is None or record.generated_ids:
        left_out.without_ids += 1
        return
    kept, known = [], 0
    for place, order_id in enumerate(record.order_ids):
        if order_id in latest.outcomes:
            known += 1
            earlier = decided.get(order_id)
            first = earlier is None or (record.at, record.decision_id) < (earlier.at, earlier.decision_id)
            if first and record.at <= latest.outcomes[order_id].at:
                kept.append(place)
                left_out.not_first += earlier is not None
            else:
                left_out.not_first += 1
    left_out.without_outcome += len(record.order_ids) - known
    if not kept:
        return
    try:
        scores, x = unpack(record.scores, len(record)), _encoded(record, inputs, kept)
    except BadRecord:
        left_out.unreadable += 1
        return
    held_out = frozenset(record.holdout.orders) if record.holdout is not None else frozenset()
    for place in kept:
        decided[record.order_ids[place]] = _Decided(
            record.at,
            record.decision_id,
            record.model,
            float(scores[place]),
            record.queues[place] == "review",
            record.holdout.share if record.holdout is not None and place in held_out else None,
            {name: texts[place] for name, texts in record.context.items()},
            x.get(place),
        )


def _encoded(record: DecisionRecord, inputs: Sequence[Input], places: Sequence[int]) -> dict[int, Floats]:
    """The encoded inputs of the orders at these places that have valid values of all inputs. Raises BadRecord."""
    if not inputs:
        return dict.fromkeys(places, np.empty(0))
    if record.values is None or not {each.name for each in inputs} <= {*record.inputs}:
        return {}
    columns = []
    for each in inputs:
        values = record.values[record.inputs.index(each.name)]
        if each.kind == CATEGORY:
            columns.append([values[place] for place in places])
        else:
            numbers = unpack(values, len(record))[places].tolist()
            columns.append([None if number != number else number for number in numbers])
    ids = [str(record.order_ids and record.order_ids[place]) for place in places]
    found = BatchValidator(inputs, len(places)).decode_columns(ids, columns)
    return {places[at]: row for at, row in zip(found.positions, found.batch.matrix, strict=True)}


def _joined(decided: Mapping[str, _Decided], latest: LatestOutcomes, width: int, left_out: LeftOut) -> JoinedOrders:
    ids = sorted(decided, key=lambda order_id: (decided[order_id].at, order_id))
    found = [decided[order_id] for order_id in ids]
    outcomes = [latest.outcomes[order_id] for order_id in ids]
    counts: dict[RecordedModel, int] = {}
    for each in found:
        counts[each.model] = counts.get(each.model, 0) + 1
    models = sorted(counts, key=lambda each: (-counts[each], each.version, each.sha256))
    index = {each: at for at, each in enumerate(models)}
    dates = [each.at.astimezone(UTC).date().isoformat() for each in found]
    day_names = sorted(set(dates))
    day_at = {name: at for at, name in enumerate(day_names)}
    shares = [each.share for each in found if each.share]
    rows = [each.x for each in found if each.x is not None]
    acted_on = [each.review if of.acted_on is None else of.acted_on for each, of in zip(found, outcomes, strict=True)]
    orders = EvaluatedOrders(
        ids=ids,
        x=np.array(rows, np.float64).reshape(len(ids), width),
        scores=np.array([each.score for each in found], np.float64),
        late=_flags([each.late for each in outcomes]),
        review=_flags([each.review for each in found]),
        acted_on=_flags(acted_on),
        holdout=_flags([each.share is not None for each in found]),
        share=len(shares) / sum(1 / share for share in shares) if shares else 0.0,
        days=np.array([day_at[name] for name in dates], np.intp),
        day_names=day_names,
        context={
            name: [each.context.get(name) for each in found] for name in sorted({n for each in found for n in each.context})
        },
    )
    return JoinedOrders(orders, models, np.array([index[each.model] for each in found], np.intp), left_out)


def _flags(values: Sequence[bool]) -> Flags:
    return np.array(values, np.bool_)


def _taken(orders: EvaluatedOrders, at: Positions) -> EvaluatedOrders:
    """The orders at these positions, with their days alone."""
    used, days = np.unique(orders.days[at], return_inverse=True)
    return EvaluatedOrders(
        ids=[orders.ids[each] for each in at],
        x=orders.x[at],
        scores=orders.scores[at],
        late=orders.late[at],
        review=orders.review[at],
        acted_on=orders.acted_on[at],
        holdout=orders.holdout[at],
        share=orders.share,
        days=days,
        day_names=[orders.day_names[each] for each in used],
        context={name: [texts[each] for each in at] for name, texts in orders.context.items()},
    )
