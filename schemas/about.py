"""What the service reports about itself: its versions, its routes and whether it is alive."""

from marshmallow import Schema, fields


class VersionSchema(Schema):
    """The versions of what runs here."""

    service_version = fields.String(required=True)
    python_version = fields.String(required=True)
    numpy_version = fields.String(required=True)
    model_version = fields.String(required=True)


class RouteSchema(Schema):
    """A route of the service."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    summary = fields.String(required=True)


class HomeSchema(Schema):
    """What the service is, and its routes."""

    service = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["alive"], "description": "As clients of the protocol v1 ask."})
    service_version = fields.String(required=True)
    description = fields.String(required=True)
    routes = fields.List(fields.Nested(RouteSchema), required=True)


class HealthSchema(Schema):
    """The answer of a probe."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})
