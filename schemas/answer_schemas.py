"""Schemas of the answers to a batch."""

from marshmallow import Schema, fields

from schemas.explanation import ExplanationSchema, ExplanationsSchema
from schemas.faults import ErrorSchema
from schemas.fields import OrderId
from schemas.result import MOST_FURTHER, NAMED, POLICY_FIELD, QUEUES
from schemas.selection import SelectionSchema

_QUEUE = {"enum": list(QUEUES), "description": "With review_top it follows the rank, else the threshold and the policy."}
_RANK = {"minimum": 1, "description": "With review_top: the place of the order in the batch, or in its group, from 1."}
_HOLDOUT = "Where the holdout is on: the indices of the orders that it keeps out of review, where they would go."


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
    holdout = fields.Boolean(metadata={"description": "true: the holdout keeps the order out of review, where it would go."})


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
    holdout = fields.List(fields.Integer(), metadata={"description": _HOLDOUT})


class InstancesSchema(Schema):
    """The body of the protocol v1."""

    instances = fields.List(
        fields.Raw(),
        required=True,
        metadata={"description": "For each order a list with a value for each input, or an object as in a body of records."},
    )


class PredictionsSchema(AnswerSchema):
    """The answer of the protocol v1."""

    predictions = fields.List(fields.Float(), required=True, metadata={"description": "The score of each order."})
    review = fields.List(fields.Boolean(), metadata={"description": "Whether each order goes to review."})
    explanations = fields.Nested(ExplanationsSchema)
