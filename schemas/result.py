"""Results: a scored batch, and the parts of its answer that all formats share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from marshmallow import Schema, fields

from model.core.batch import Batch, Flags
from model.core.encoding import is_missing, is_unknown
from model.core.few_rows import FewScores
from model.core.risk_model import RiskModel, Scores
from schemas.explanation import Explanation, Explanations, ExplanationSchema, ExplanationsSchema
from schemas.faults import ErrorSchema, Fault, Locate, error_members
from schemas.fields import OrderId
from schemas.selection import Selection, SelectionSchema
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
_QUEUE = {"enum": list(QUEUES), "description": "With review_top it follows the rank, else the threshold and the policy."}
_RANK = {"minimum": 1, "description": "With review_top: the place of the order in the batch, or in its group, from 1."}


class ResultSchema(Schema):
    """The result of one order."""

    order_id = OrderId(required=True)
    score = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1, "description": "The delay risk, unrounded."})
    queue = fields.String(required=True, metadata=_QUEUE)
    out_of_range = fields.List(fields.String(), metadata={"description": f"{NAMED['out_of_range']}."})
    imputed = fields.List(fields.String(), metadata={"description": f"{NAMED['imputed']}."})
    unknown_ = fields.List(fields.String(), data_key="unknown", metadata={"description": f"{NAMED['unknown']}."})
    context_ = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        data_key="context",
        metadata={"description": "The texts of the order that are never scored, by name."},
    )
    rank = fields.Integer(metadata=_RANK)
    explanation = fields.Nested(ExplanationSchema)


class AnswerSchema(Schema):
    """The members of every answer to a batch: the model version and the policy, and the errors of a partial answer."""

    model_name = fields.String(required=True)
    model_version = fields.String(required=True)
    model_sha256 = fields.String(required=True)
    threshold = fields.Float(
        required=True,
        metadata={"description": "The score from which an order goes to review. With review_top the queues do not follow it."},
    )
    out_of_range_policy = POLICY_FIELD
    decision_id = fields.String(metadata={"description": "The id of the record in the decision log, if there is one."})
    selection = fields.Nested(SelectionSchema)
    errors = fields.List(
        fields.Nested(ErrorSchema),
        metadata={
            "description": "With on_error=partial: the first error of each order without a result, "
            f"and the first {MOST_FURTHER} of the other errors."
        },
    )
    error_count = fields.Integer(metadata={"description": "With on_error=partial: how many errors there are."})


class DecisionSchema(AnswerSchema):
    """The answer to records: a result for each order, in the order of the request."""

    results = fields.List(fields.Nested(ResultSchema), required=True)


def _indices(what: str) -> fields.Dict:
    description = f"By input, the indices of orders. {NAMED[what]}."
    return fields.Dict(
        keys=fields.String(), values=fields.List(fields.Integer()), data_key=what, metadata={"description": description}
    )


class ColumnsDecisionSchema(AnswerSchema):
    """The answer to columns: an entry for each order in each list, in the order of the request."""

    order_ids = fields.List(OrderId(), required=True)
    scores = fields.List(fields.Float(), required=True)
    queues = fields.List(fields.String(metadata=_QUEUE), required=True)
    ranks = fields.List(fields.Integer(metadata=_RANK))
    out_of_range = _indices("out_of_range")
    imputed = _indices("imputed")
    unknown_ = _indices("unknown")
    context_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String(allow_none=True)),
        data_key="context",
        metadata={"description": "By name, the texts of the orders that are never scored."},
    )
    explanations = fields.Nested(ExplanationsSchema)


class ScoredBatch(msgspec.Struct, frozen=True, eq=False):
    """A batch that `model` scored, with a `policy` for orders outside its range.

    `decoded` has the valid orders and the faults of the others. `scores` has a row for each valid order; the policy has set
    its review flag, or the `selection`, if there is one. `flags` are those of the function of this name. A `partial` batch is
    answered even if some orders have faults. `explanations` are None where none are asked for, and `decision_id` where no
    decision log has the batch.
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

    @property
    def answerable(self) -> bool:
        """Whether the batch has no faults, or is partial and all its faults are of single orders."""
        faults = self.decoded.faults
        return not faults or (self.partial and all(fault.position is not None for fault in faults))

    @property
    def answered(self) -> int:
        """How many orders get a score."""
        return len(self.decoded.batch) if self.answerable else 0


def header(scored: ScoredBatch) -> dict[str, Any]:
    """The model version, its threshold and the policy, as AnswerSchema has them."""
    manifest = scored.model.manifest
    return {
        "model_name": manifest.name,
        "model_version": manifest.version,
        "model_sha256": scored.model.sha256,
        "threshold": manifest.threshold,
        "out_of_range_policy": scored.policy,
        **({} if scored.decision_id is None else {"decision_id": scored.decision_id}),
    }


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

    `rank` is its place in the selection, if there is one.
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


def results(scored: ScoredBatch) -> list[Result]:
    """A Result for each valid order, in the order of the batch."""
    columns = scored.decoded.batch.ids, scored.scores.values, queues(scored)
    if scored.selection is None and scored.explanations is None and not scored.decoded.context and not scored.flags:
        return list(map(Result, *columns))
    ranks = repeat(None) if scored.selection is None else scored.selection.ranks.tolist()
    explanations = repeat(None) if scored.explanations is None else scored.explanations.each(len(scored.decoded.batch))
    return list(map(Result, *columns, *named(scored), _contexts(scored), ranks, explanations))


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
