"""marshmallow Nested(many=True) on Flask, one observation per score: a common first implementation."""

import numpy as np
from flask import Flask, jsonify, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from tests.benchmarks.peers.counting import count, timed
from tests.benchmarks.peers.plain import decide


class Order(Schema):
    class Meta:
        unknown = RAISE

    order_id = fields.String(required=True, validate=validate.Length(1, 128))
    route_disruption = fields.Float(required=True)
    backlog = fields.Float(required=True)
    weather_severity = fields.Float(required=True)


class Batch(Schema):
    class Meta:
        unknown = RAISE

    orders = fields.List(fields.Nested(Order), required=True, validate=validate.Length(1, 10_000))


app = Flask(__name__)
batch = Batch()


@app.post("/score")
def score():
    with timed():
        try:
            orders = batch.load(request.get_json())["orders"]
        except ValidationError as error:
            return jsonify(error.messages), 422
        x = np.array([[o["route_disruption"], o["backlog"], o["weather_severity"]] for o in orders])
        results = decide([o["order_id"] for o in orders], x)
        count([result["score"] for result in results])
        return jsonify(results=results)
