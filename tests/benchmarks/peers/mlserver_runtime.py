"""MLServer: the Open Inference Protocol, with a tensor of order ids and one per feature, or with all features in one tensor."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.peers.plain import scores


class DeliveryRisk(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        if payload.inputs[0].name == "orders":
            found = scores(NumpyCodec.decode_input(payload.inputs[0]))
            named = {"score": found, "review": found >= 0.6}
            return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output(*each) for each in named.items()])
        ids, *inputs = payload.inputs
        order_ids = StringCodec.decode_input(ids)
        columns = {tensor.name: NumpyCodec.decode_input(tensor).ravel() for tensor in inputs}
        x = np.column_stack([columns[name] for name in ("route_disruption", "backlog", "weather_severity")])
        found = scores(x)
        outputs = [
            NumpyCodec.encode_output("score", found),
            StringCodec.encode_output("order_id", order_ids),
            StringCodec.encode_output("queue", ["review" if score >= 0.6 else "monitor" for score in found.tolist()]),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
