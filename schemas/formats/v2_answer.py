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
from schemas.formats.infer_request import Wanted
from schemas.result import ScoredBatch
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


def answer(scored: ScoredBatch, wanted: Wanted, ranks: Integers | None = None) -> InferAnswer:
    """The answer to a request for these outputs; `ranks` (n,) are needed for `rank`."""
    manifest, rows, tail = scored.model.manifest, len(scored.decoded.batch), list[bytes]()
    outputs = []
    for name, binary in wanted.outputs.items():
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
    head = msgspec.json.encode(
        {
            "model_name": manifest.name,
            "model_version": manifest.version,
            "id": wanted.id,
            "parameters": _parameters(scored),
            "outputs": outputs,
        }
    )
    return InferAnswer(b"".join([head, *tail]), len(head) if tail else None)


def encode(scored: ScoredBatch) -> bytes:
    """The default outputs in JSON."""
    return answer(scored, Wanted(dict.fromkeys(DEFAULT_OUTPUTS, False))).content


def _parameters(scored: ScoredBatch) -> dict[str, Any]:
    """What the answer says beside its outputs: texts and numbers alone."""
    found: dict[str, Any] = {
        "model_sha256": scored.model.sha256,
        "threshold": scored.model.manifest.threshold,
        "out_of_range_policy": scored.policy,
    }
    if scored.decision_id is not None:
        found["decision_id"] = scored.decision_id
    if scored.selection is not None:
        found |= scored.selection.options
    if scored.explanations is not None:
        found["base"] = scored.explanations.base
    return found


def _contributions(scored: ScoredBatch) -> npt.NDArray[Any]:
    if scored.explanations is None:
        raise ValueError("contributions need an explanation of all orders")
    return scored.explanations.contributions
