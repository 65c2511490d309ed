"""The model card: what the model is, how it decides, and where it comes from."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields

from model.core.manifest import CATEGORY, NONE, NUMBER, REFUSE, Input
from model.core.risk_model import RiskModel
from schemas.result import POLICY_FIELD


class InputSchema(Schema):
    """What an order holds; `minimum` and `maximum` are the range of the training data, null where there is none."""

    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": [NUMBER, CATEGORY]})
    unit = fields.String(required=True)
    description = fields.String(required=True)
    minimum = fields.Float(required=True, allow_none=True)
    maximum = fields.Float(required=True, allow_none=True)
    values = fields.List(fields.String(), required=True, metadata={"description": "The categories that the model knows."})
    missing = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"type": ["number", "string"], "description": "What replaces a value that an order lacks."},
    )
    unknown_ = fields.String(
        required=True,
        data_key="unknown",
        attribute="unknown",
        metadata={
            "enum": [REFUSE, NONE],
            "description": "Whether an order with another category is rejected, or counts as having none of the values.",
        },
    )
    optional = fields.Boolean(required=True, metadata={"description": "Whether an order may lack it."})
    actionable = fields.Boolean(required=True, metadata={"description": "Whether people can change it."})


class FeatureSchema(Schema):
    """One feature of the network. A feature that is an input as it is has the unit, description and range of the input."""

    name = fields.String(required=True)
    unit = fields.String(required=True)
    description = fields.String(required=True)
    minimum = fields.Float(required=True, allow_none=True)
    maximum = fields.Float(required=True, allow_none=True)
    mean = fields.Float(required=True)
    scale = fields.Float(required=True)
    made_of = fields.String(required=True, metadata={"description": "How it is made of an input."})


class ServedVersionSchema(Schema):
    """A version that is served; `file` is its name in the registry, empty without a registry."""

    name = fields.String(required=True)
    version = fields.String(required=True)
    sha256 = fields.String(required=True)
    file = fields.String(required=True)


class WantedVersionSchema(Schema):
    """A version that a reference of the registry names."""

    version = fields.String(required=True)
    file = fields.String(required=True)
    sha256 = fields.String(required=True)


class RoleStateSchema(Schema):
    """The version that the worker serves in a role, and the version that the registry names for it."""

    served = fields.Nested(ServedVersionSchema, required=True, allow_none=True)
    wanted = fields.Nested(WantedVersionSchema, required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why the last change failed."})
    since = fields.Float(required=True, metadata={"description": "When it last changed, in seconds since 1970."})


class ActiveModelsSchema(Schema):
    """The champion answers; the challenger scores the same orders, and only metrics show its scores."""

    champion = fields.Nested(RoleStateSchema, required=True)
    challenger = fields.Nested(RoleStateSchema, required=True)


class HistogramSchema(Schema):
    """`counts` has one entry more than `edges`: orders up to the first edge, up to each next edge, and over the last."""

    edges = fields.List(fields.Float(), required=True)
    counts = fields.List(fields.Integer(), required=True)


class CalibrationSchema(Schema):
    """The orders whose scores are in the bin that ends at `to`."""

    to = fields.Float(required=True)
    orders = fields.Integer(required=True)
    mean_score = fields.Float(required=True)
    observed_rate = fields.Float(required=True, metadata={"description": "The share of these orders that were late."})


class InputCountsSchema(Schema):
    """How many orders lack an input, have an unknown category, and have each value of the category."""

    missing = fields.Integer(
        required=True, allow_none=True, metadata={"description": "null for an input that is never missing."}
    )
    unknown_ = fields.Integer(
        required=True,
        allow_none=True,
        data_key="unknown",
        attribute="unknown",
        metadata={"description": "null for an input that is never unknown."},
    )
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "By value of the category; empty for a number."},
    )


class BaselineSchema(Schema):
    """How scores, features and inputs of known orders are distributed. Drift is measured against it."""

    orders = fields.Integer(required=True)
    review = fields.Integer(required=True, metadata={"description": "How many of these orders go to review."})
    scores = fields.Nested(HistogramSchema, required=True)
    zscores = fields.Dict(keys=fields.String(), values=fields.Nested(HistogramSchema), required=True)
    calibration = fields.List(
        fields.Nested(CalibrationSchema),
        required=True,
        metadata={"description": "An entry for each bin of scores that has orders; empty if no labels were known."},
    )
    inputs = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(InputCountsSchema),
        required=True,
        metadata={"description": "An entry for each input that may be missing or is a category."},
    )


class ContextSchema(Schema):
    """A text of orders that is never scored; `values` are those that metrics and the log count by name."""

    name = fields.String(required=True)
    values = fields.List(fields.String(), required=True)


class ModelSchema(Schema):
    """The model card."""

    model_name = fields.String(required=True, attribute="manifest.name")
    model_version = fields.String(required=True, attribute="manifest.version")
    model_sha256 = fields.String(required=True, attribute="model.sha256")
    created = fields.String(required=True, attribute="manifest.created")
    description = fields.String(required=True, attribute="manifest.description")
    threshold = fields.Float(required=True, attribute="manifest.threshold")
    out_of_range_policy = POLICY_FIELD
    holdout = fields.Float(
        required=True, allow_none=True, metadata={"description": "The share of orders that stay out of review; null for none."}
    )
    head = fields.String(required=True, attribute="manifest.head")
    sizes = fields.List(
        fields.Integer(),
        required=True,
        attribute="network.sizes",
        metadata={"description": "Features, then the units of each layer."},
    )
    activations = fields.List(fields.String(), required=True, attribute="manifest.activations")
    parameter_count = fields.Integer(required=True, attribute="network.parameter_count")
    inputs = fields.List(fields.Nested(InputSchema), required=True, attribute="manifest.inputs")
    features = fields.List(fields.Nested(FeatureSchema), required=True)
    context_ = fields.List(fields.Nested(ContextSchema), required=True, data_key="context", attribute="manifest.context")
    also_accepts = fields.List(
        fields.String(),
        required=True,
        attribute="manifest.also_accepts",
        metadata={"description": "Names that an order may have and that are not used."},
    )
    illustrative = fields.Boolean(
        required=True,
        attribute="manifest.illustrative",
        metadata={"description": "Whether this is the packaged model, or made of it: its weights were set by hand."},
    )
    compared = fields.Boolean(
        required=True,
        attribute="manifest.compared",
        metadata={"description": "Whether the import compared the scores with those of the training script. See provenance."},
    )
    provenance = fields.Dict(keys=fields.String(), values=fields.String(), required=True, attribute="manifest.provenance")
    reference = fields.Nested(BaselineSchema, required=True, allow_none=True, attribute="manifest.baseline")
    lineup = fields.Nested(ActiveModelsSchema, required=True)


def card(model: RiskModel, states: Mapping[str, Any], policy: str, holdout: float | None = None) -> dict[str, Any]:
    """The model card, as ModelSchema has it. `states` has a RoleStateSchema by role; `policy` is one of POLICIES, and the
    `holdout` a share of orders.
    """
    inputs = {each.name: each for each in model.manifest.inputs}
    numbers = zip(model.manifest.features, model.standardizer.mean.tolist(), model.standardizer.scale.tolist(), strict=True)
    given = {
        "model": model,
        "manifest": model.manifest,
        "network": model.network,
        "features": [
            asdict(inputs[each.of] if each.is_input else Input(each.name))
            | {"made_of": each.made_of, "mean": mean, "scale": scale}
            for each, mean, scale in numbers
        ],
        "out_of_range_policy": policy,
        "holdout": holdout,
        "lineup": states,
    }
    found: dict[str, Any] = ModelSchema().dump(given)
    return found
