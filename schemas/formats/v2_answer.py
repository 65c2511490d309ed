"""Answer of the Open Inference Protocol v2: the outputs that are asked for, each in JSON or in binary behind it.

Outputs have the shape [n, 1], the contributions [n, I] with a column for each input in the order of the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.formats.infer_parameters import DEFAULT_OUTPUTS, OUTPUTS
from schemas.result import ScoredBatch, header
from schemas.selection import Integers


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """The content of an answer; `length` is that of its JSON where binary outputs follow, else None."""

    content: bytes
    length: int | None


_VALUES: Mapping[str, Callable[[ScoredBatch], npt.NDArray[Any]]] = {
    "score": lambda scored: scored.scores.scores,
    "review": lambda scored: scored.scores.review,
    "logit": lambda scored: scored.scores.logits,
    "contribution": lambda scored: _contributions(scored),
}
_DTYPES = {"FP64": np.dtype("<f8"), "INT64": np.dtype("<i8"), "BOOL": np.dtype("?")}


def answer(scored: ScoredBatch, wanted: Mapping[str, bool], request_id: str, ranks: Integers | None = None) -> InferAnswer:
    """The answer with these outputs, each with whether it is binary, to the request of this id; `rank` needs `ranks` (n,)."""
    manifest, rows, tail = scored.model.manifest, len(scored.decoded.batch), list[bytes]()
    outputs = []
    for name, binary in wanted.items():
        datatype, width = OUTPUTS[name], len(manifest.inputs) if name == "contribution" else 1
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [rows, width]}
        if name == "score" and not binary:
            output["data"] = scored.scores.values
        else:
            values = ranks if name == "rank" and ranks is not None else _VALUES[name](scored)
            if binary:
                raw = values.astype(_DTYPES[datatype], copy=False).tobytes()
                output["parameters"] = {"binary_data_size": len(raw)}
                tail.append(raw)
            else:
                output["data"] = values.ravel().tolist()
        outputs.append(output)
    parameters = header(scored)
    model = {each: parameters.pop(each) for each in ("model_name", "model_version")}
    if scored.selection is not None:
        parameters |= scored.selection.options
    if scored.explanations is not None:
        parameters["base"] = scored.explanations.base
    head = msgspec.json.encode({**model, "id": request_id, "parameters": parameters, "outputs": outputs})
    return InferAnswer(b"".join([head, *tail]), len(head) if tail else None)


def encode(scored: ScoredBatch) -> bytes:
    """The default outputs in JSON."""
    return answer(scored, dict.fromkeys(DEFAULT_OUTPUTS, False), "").content


def _contributions(scored: ScoredBatch) -> npt.NDArray[Any]:
    if scored.explanations is None:
        raise ValueError("contributions need an explanation of all orders")
    return scored.explanations.contributions
