"""Metrics that rules and panels ask for and the service does not export yet, and what shows them in the live run meanwhile.

Once the service exports one, its name must leave AWAITED, which a test insists on; when AWAITED is empty this module goes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from math import inf
from threading import Thread

import numpy as np
from prometheus_client.utils import floatToGoString

from model.batch import Batch
from model.risk import RiskModel
from service import scoring
from service.metrics import METRICS

AWAITED = {
    "delivery_risk_reference_orders": ("model_version",),
    "delivery_risk_reference_review_ratio": ("model_version",),
    "delivery_risk_reference_score_ratio": ("model_version", "above", "le"),
    "delivery_risk_reference_zscore_ratio": ("model_version", "feature", "above", "le"),
}


def _shares(values: np.ndarray, name: str, labels: str) -> Iterator[str]:
    edges = (-inf, *METRICS[f"delivery_risk_{name}"].buckets, inf)
    for low, high in pairwise(edges):
        share = np.count_nonzero((values > low) & (values <= high)) / len(values)
        above, le = floatToGoString(low), floatToGoString(high)
        yield f'delivery_risk_reference_{name.removeprefix("feature_")}_ratio{{{labels},above="{above}",le="{le}"}} {share}'


def exposition(model: RiskModel, batch: Batch) -> list[str]:
    """The reference that these orders make."""
    scores = model.score(batch)
    version = f'model_version="{model.manifest.version}"'
    lines = [
        f"delivery_risk_reference_orders{{{version}}} {len(batch)}",
        f"delivery_risk_reference_review_ratio{{{version}}} {scoring.review(scores, 'review').mean()}",
        *_shares(scores.scores, "score", version),
    ]
    for name, zscores in zip(model.manifest.feature_names, scores.zscores.T, strict=True):
        lines += _shares(zscores, "feature_zscore", f'{version},feature="{name}"')
    return lines


@contextmanager
def exporting(model: RiskModel, batch: Batch) -> Iterator[int]:
    """The port of an exporter of AWAITED."""
    reference = exposition(model, batch)

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("\n".join([*reference, ""]).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
