"""orjson to NumPy and back on bare WSGI: nothing is validated, counted or logged."""

import numpy as np
import orjson

from tests.benchmarks.peers.plain import decide


def app(environ, start_response):
    orders = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["orders"]
    x = np.array([[o["route_disruption"], o["backlog"], o["weather_severity"]] for o in orders], np.float64)
    answer = orjson.dumps({"results": decide([o["order_id"] for o in orders], x)})
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
