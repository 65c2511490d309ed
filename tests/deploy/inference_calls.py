"""Calls by the real clients of the Open Inference Protocol, in their own environment, for tests.deploy.inference_clients.

A line of the input has `port`, `token` and `calls`. A line of the output is a JSON list with the outcome of each call, in their
order: what came back, or under `error` the text that a user of the client sees. Each line is answered on new connections.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

MODEL = "delivery-risk"
DTYPES = {"FP16": "f2", "FP32": "f4", "FP64": "f8", "INT64": "i8", "UINT8": "u1", "BOOL": "?", "BYTES": "O"}
Call = dict[str, Any]


def tensors(make: Any, call: Call) -> list[Any]:
    """The inputs of a call, by the class of a client."""
    found = []
    for given in call["inputs"]:
        array = np.array(given["data"], DTYPES[given["datatype"]]).reshape(given["shape"])
        tensor = make(given["name"], given.get("stated_shape", given["shape"]), given["datatype"])
        if "stated_shape" in given:  # The client would reject it.
            tensor._raw_data, tensor._parameters = array.tobytes(), {"binary_data_size": array.nbytes}
        else:
            tensor.set_data_from_numpy(array, binary_data=given["binary"])
        found.append(tensor)
    return found


def listed(array: Any) -> list[Any]:
    return [each.decode() if isinstance(each, bytes) else each for each in array.ravel().tolist()]


def triton_arguments(call: Call, headers: dict[str, str]) -> dict[str, Any]:
    """What the synchronous and the asynchronous client of Triton take alike."""
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name, binary in call["outputs"]]
    return {
        "model_name": call.get("model", MODEL),
        "model_version": call.get("version", ""),
        "inputs": tensors(triton.InferInput, call),
        "outputs": outputs or None,
        "request_id": call.get("id", ""),
        "headers": headers | call.get("headers", {}),
        "request_compression_algorithm": call.get("compression"),
        "response_compression_algorithm": call.get("compression"),
        "parameters": call.get("parameters"),
    }


def of_triton(result: Any) -> Call:
    """The outcome of an answer as the clients of Triton show it."""
    answer = result.get_response()
    outputs = {each["name"]: each for each in answer["outputs"]}
    shown = {
        name: {"shape": each["shape"], "datatype": each["datatype"], "data": listed(result.as_numpy(name))}
        for name, each in outputs.items()
    }
    return {"outputs": shown, "model": answer["model_name"], "version": answer["model_version"], "id": answer["id"]}


def kserve_request(call: Call) -> InferRequest:
    outputs = [RequestedOutput(name, parameters={"binary_data": binary}) for name, binary in call["outputs"]]
    return InferRequest(
        call.get("model", MODEL),
        tensors(InferInput, call),
        request_id=call.get("id"),
        parameters=call.get("parameters"),
        request_outputs=outputs or None,
    )


def of_kserve(result: Any) -> Call:
    """The outcome of an answer as KServe's client shows it."""
    shown = {
        each.name: {"shape": each.shape, "datatype": each.datatype, "data": listed(each.as_numpy())} for each in result.outputs
    }
    return {"outputs": shown, "model": result.model_name, "id": result.id}


class Clients:
    """One client of each kind, on one port."""

    def __init__(self, port: int, token: str | None) -> None:
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.base = f"http://127.0.0.1:{port}"
        self.sync = triton.InferenceServerClient(f"127.0.0.1:{port}")
        self.aio = triton_aio.InferenceServerClient(f"127.0.0.1:{port}")
        self.v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
        self.v2 = InferenceRESTClient(RESTConfig(protocol="v2"))

    def of(self, call: Call) -> dict[str, str]:
        """The headers of a call by KServe's client."""
        accepted = {"Accept-Encoding": call["compression"]} if call.get("compression") else {}
        return self.headers | accepted | call.get("headers", {})

    async def sync_infer(self, call: Call) -> Any:
        return of_triton(self.sync.infer(**triton_arguments(call, self.headers)))

    async def aio_infer(self, call: Call) -> Any:
        return of_triton(await self.aio.infer(**triton_arguments(call, self.headers)))

    async def kserve_infer(self, call: Call) -> Any:
        request = kserve_request(call)
        return of_kserve(await self.v2.infer(self.base, request, request.model_name, self.of(call)))

    async def v1_infer(self, call: Call) -> Any:
        return await self.v1.infer(self.base, call["body"], call.get("model", MODEL), self.of(call))

    async def v1_explain(self, call: Call) -> Any:
        return await self.v1.explain(self.base, call.get("model", MODEL), call["body"], self.of(call))

    async def sync_call(self, call: Call) -> Any:
        return getattr(self.sync, call["method"])(*call["arguments"], headers=self.headers)

    async def aio_call(self, call: Call) -> Any:
        return await getattr(self.aio, call["method"])(*call["arguments"], headers=self.headers)

    async def kserve_call(self, call: Call) -> Any:
        return await getattr(self.v2, call["method"])(self.base, *call["arguments"], headers=self.headers)

    async def v1_call(self, call: Call) -> Any:
        return await getattr(self.v1, call["method"])(self.base, *call["arguments"], headers=self.headers)

    async def close(self) -> None:
        self.sync.close()
        await self.aio.close()
        await self.v1.close()
        await self.v2.close()


async def outcomes(given: dict[str, Any]) -> list[Any]:
    clients = Clients(given["port"], given["token"])

    async def outcome(call: Call) -> Any:
        make: Callable[[Call], Awaitable[Any]] = getattr(clients, call["call"])
        try:
            return await make(call)
        except Exception as error:
            return {"error": str(error), "type": type(error).__name__}

    try:
        return [await outcome(call) for call in given["calls"]]
    finally:
        await clients.close()


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asyncio.run(outcomes(json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
