"""Results: a scored batch, and the parts of its answer that all formats share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from marshmallow import fields

from model.core.batch import Batch, Flags
from model.core.encoding import is_missing, is_unknown
from model.core.few_rows import FewScores
from model.core.risk_model import RiskModel, Scores
from schemas.explanation import Explanation, Explanations
from schemas.faults import Fault, Locate, error_members
from schemas.holdout import Holdout
from schemas.selection import Selection
from schemas.validation import DecodedBatch

Policy = Literal["review", "flag", "refuse"]

QUEUES = ("monitor", "review")
POLICIES: tuple[Policy, ...] = get_args(Policy)
POLICIES_HELP = "Whether an order outside the model's range goes to review, is only flagged, or is rejected"
POLICY_FIELD = fields.String(required=True, metadata={"enum": list(POLICIES), "description": f"{POLICIES_HELP}."})
NAMED = {
    "out_of_range": "The inputs outside the range that the model was trained on",
    "imputed": "The inputs that the order lacks, for which the model has a value",
    "unknown": "The inputs whose category the model does not know, which count as none of its values",
}
"""What a result names inputs for."""

MOST_FURTHER = 1000
_QUEUES = np.array(QUEUES, np.object_)


class ScoredBatch(msgspec.Struct, frozen=True, eq=False):
    """A batch that `model` scored, with a `policy` for orders outside its range.

    `decoded` has the valid orders and the faults of the others. `scores` has a row for each valid order; the policy has set
    its review flag, or the `selection`, if there is one. `flags` are those of the function of this name. A `partial` batch is
    answered even if some orders have faults. `explanations` are None where none are asked for, `holdout` where it is off, and
    `decision_id` where no decision log has the batch.
    """

    model: RiskModel
    policy: Policy
    decoded: DecodedBatch
    scores: Scores | FewScores
    flags: Mapping[str, Flags]
    partial: bool = False
    selection: Selection | None = None
    explanations: Explanations | None = None
    decision_id: str | None = None
    holdout: Holdout | None = None

    @property
    def answerable(self) -> bool:
        """Whether the batch has no faults, or is partial and all its faults are of single orders."""
        faults = self.decoded.faults
        return not faults or (self.partial and all(fault.position is not None for fault in faults))

    @property
    def answered(self) -> int:
        """How many orders get a score."""
        return len(self.decoded.batch) if self.answerable else 0


HEADER_NAMES = ("model_name", "model_version", "model_sha256", "threshold", "out_of_range_policy")
"""The members of every answer, which are columns in CSV."""

DECISION_ID = "decision_id"
"""The name of a further one where a decision log has the batch."""


def made_by(model: RiskModel, policy: Policy) -> dict[str, Any]:
    """The model version, its threshold and the policy, as AnswerSchema has them."""
    manifest = model.manifest
    values = (manifest.name, manifest.version, model.sha256, manifest.threshold, policy)
    return dict(zip(HEADER_NAMES, values, strict=True))


def header(scored: ScoredBatch) -> dict[str, Any]:
    """The members of an answer that are the same for all orders."""
    return made_by(scored.model, scored.policy) | ({} if scored.decision_id is None else {DECISION_ID: scored.decision_id})


def selection(scored: ScoredBatch) -> dict[str, Any]:
    """The member `selection` of an answer with one; no members otherwise."""
    return {} if scored.selection is None else {"selection": scored.selection.account}


def errors(scored: ScoredBatch, locate: Locate) -> dict[str, Any]:
    """The members `errors` and `error_count` of a partial answer; no members otherwise."""
    return error_members(scored.decoded.faults, locate, listed(scored)) if scored.partial else {}


def listed(scored: ScoredBatch) -> Iterator[Fault]:
    """The faults in a partial answer: the first of each order, and the first MOST_FURTHER of the others."""
    position: int | None = None
    further = 0
    for fault in scored.decoded.faults:
        if fault.position != position:
            position = fault.position
            yield fault
        elif further < MOST_FURTHER:
            further += 1
            yield fault


def queues(scored: ScoredBatch) -> list[str]:
    """The queue of each valid order."""
    if isinstance(scored.scores, FewScores):
        return [QUEUES[goes_to_review] for goes_to_review in scored.scores.flags]
    names: list[str] = _QUEUES.take(scored.scores.review).tolist()
    return names


class Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The result of one order, with the names of inputs as NAMED says, and its texts by the name of the context.

    `rank` is its place in the selection, if there is one. `holdout` marks an order that it keeps out of review.
    """

    order_id: str
    score: float
    queue: str
    out_of_range: tuple[str, ...] = ()
    imputed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    context: dict[str, str] | None = None  # a default that is a dict would be made anew for each order
    rank: int | None = None
    explanation: Explanation | None = None
    holdout: bool = False


def results(scored: ScoredBatch) -> list[Result]:
    """A Result for each valid order, in the order of the batch."""
    columns, holdout = (scored.decoded.batch.ids, scored.scores.values, queues(scored)), scored.holdout
    plain = scored.selection is None and scored.explanations is None and not scored.decoded.context and not scored.flags
    if plain and (holdout is None or not holdout.orders):
        return list(map(Result, *columns))
    ranks = repeat(None) if scored.selection is None else scored.selection.ranks.tolist()
    explanations = repeat(None) if scored.explanations is None else scored.explanations.each(len(scored.decoded.batch))
    return list(map(Result, *columns, *named(scored), _contexts(scored), ranks, explanations, held_out(scored)))


def held_out(scored: ScoredBatch) -> list[bool]:
    """Whether the holdout keeps each valid order out of review."""
    marks = [False] * len(scored.decoded.batch)
    for at in () if scored.holdout is None else scored.holdout.orders:
        marks[at] = True
    return marks


def _contexts(scored: ScoredBatch) -> Iterable[dict[str, str] | None]:
    """The texts of each order, by the name of the context; None for an order without any."""
    names, texts = scored.decoded.context.keys(), scored.decoded.context.values()
    if not names:
        return repeat(None, len(scored.decoded.batch))
    return ({name: text for name, text in zip(names, row, strict=True) if text} or None for row in zip(*texts, strict=True))


def flags(model: RiskModel, batch: Batch, scores: Scores | FewScores) -> dict[str, Flags]:
    """By what a result names inputs for: (n, I), True where it names the input. Without those that no order has."""
    if scores.regular and not model.prepared:
        return {}
    inputs, x = model.manifest.inputs, batch.matrix
    found = {"out_of_range": scores.out_of_range, "imputed": is_missing(x), "unknown": is_unknown(inputs, x)}
    return {what: each for what, each in found.items() if each.any()}


def flagged(scored: ScoredBatch) -> dict[str, dict[str, list[int]]]:
    """By what a result names inputs for, the indices of the orders of each input that is named."""
    names = scored.model.manifest.input_names
    return {
        what: {names[at]: np.flatnonzero(flags[:, at]).tolist() for at in np.flatnonzero(flags.any(axis=0))}
        for what, flags in scored.flags.items()
    }


def named(scored: ScoredBatch, what: Iterable[str] = NAMED) -> list[list[tuple[str, ...]]]:
    """For each of these members of NAMED, the inputs that the result of each valid order names."""
    found, names = scored.flags, scored.model.manifest.input_names
    none: list[tuple[str, ...]] = [()] * len(scored.decoded.batch)
    return [_names(found[each], names) if each in found else none for each in what]


def _names(flagged: Flags, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The names of each row of (n, I). Rows with the same flags share one tuple, so that many rows take little time."""
    rows: list[bytes] = np.ascontiguousarray(flagged).view(f"S{len(names)}").ravel().tolist()
    known = {row: tuple(compress(names, row)) for row in {*rows}}
    return list(map(known.__getitem__, rows))
