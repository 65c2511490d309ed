"""The packaged model: three features, 3-3-1, threshold 0.60. Its weights are illustrative, not learned from deliveries."""

import numpy as np

from model.artifact import model_file
from model.core.batch import Floats
from model.core.manifest import ILLUSTRATIVE_SOURCE, Input, Manifest, SelfTest
from model.core.risk_model import RiskModel

FILE_NAME = "delivery-risk-1.0.0.npz"
WARNING = "the model is illustrative: its weights were set by hand, not learned from deliveries"


def packaged_model() -> RiskModel:
    """The model in the package's file FILE_NAME. The scores of its self-test are exact values, rounded once."""
    described = Manifest(
        name="delivery-risk",
        version="1.0.0",
        created="2026-11-20T00:00:00Z",
        description="Delay risk from three severities. Its weights are illustrative, not learned: they were set by hand.",
        inputs=(
            Input("route_disruption", "severity", "How badly the order's route is disrupted.", 0.0, 10.0),
            Input("backlog", "severity", "How far the depot is behind with its orders.", 0.0, 10.0),
            Input("weather_severity", "severity", "How bad the weather is on the way.", 0.0, 10.0),
        ),
        activations=("relu", "linear"),
        head="sigmoid",
        threshold=0.6,
        self_test=SelfTest(
            orders=((2.0, 3.0, 1.0), (8.0, 7.0, 9.0), (5.0, 9.0, 4.0)),
            scores=((0.425557483188341,), (0.9811090380629609,), (0.7320405018416317,)),
        ),
        provenance={"source": ILLUSTRATIVE_SOURCE},
    )
    arrays: dict[str, Floats] = {
        "mean": np.array([5.0, 5.0, 5.0]),
        "scale": np.array([2.0, 2.0, 2.0]),
        "w1": np.array([[0.8, 0.3, 0.4], [-0.2, 0.9, 0.5], [0.4, -0.1, 0.7]]),
        "b1": np.array([0.0, -0.2, 0.1]),
        "w2": np.array([[0.9, 0.7, 0.6]]),
        "b2": np.array([-0.3]),
    }
    return model_file.assemble(described, arrays)
