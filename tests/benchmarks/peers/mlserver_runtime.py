"""MLServer over columns: the Open Inference Protocol, a tensor a feature."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.peers.plain import scores


class DeliveryRisk(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        columns = {tensor.name: NumpyCodec.decode_input(tensor).ravel() for tensor in payload.inputs}
        x = np.column_stack([columns[name] for name in ("route_disruption", "backlog", "weather_severity")])
        output = NumpyCodec.encode_output("score", scores(x))
        return InferenceResponse(model_name=self.name, outputs=[output])
