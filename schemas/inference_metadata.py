"""Metadata of the Open Inference Protocol v2: the tensors of a model, and the same as Triton's ModelConfig.

A tensor that a request may lack has the parameter `optional`. Instead of the numbers a request may have one matrix, if all
inputs are numbers; `properties` says so, since a client that fills every listed input must not send both.
"""

from typing import Any

from model.core.manifest import CATEGORY, Input, Manifest
from schemas.formats.infer_description import MATRIX, ORDER_ID
from schemas.formats.infer_parameters import DEFAULT_OUTPUTS, OUTPUTS

PLATFORM = "delivery-risk_numpy"
_CONFIG_TYPES = {"FP64": "TYPE_FP64", "BOOL": "TYPE_BOOL", "INT64": "TYPE_INT64", "BYTES": "TYPE_STRING"}


def metadata(manifest: Manifest) -> dict[str, Any]:
    """The metadata of a model."""
    return {
        "name": manifest.name,
        "versions": [manifest.version],
        "platform": PLATFORM,
        "inputs": _inputs(manifest),
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1, _width(name, manifest)]} for name, datatype in OUTPUTS.items()
        ],
        "properties": {
            "threshold": repr(manifest.threshold),
            "default_outputs": ",".join(DEFAULT_OUTPUTS),
            "contribution_columns": ",".join(manifest.input_names),
            **_matrix(manifest),
        },
    }


def config(manifest: Manifest) -> dict[str, Any]:
    """The configuration of a model, whose first dimension is that of the batch and part of the shapes."""
    inputs = [
        {
            "name": each["name"],
            "data_type": _CONFIG_TYPES[each["datatype"]],
            "dims": each["shape"],
            "optional": each["parameters"]["optional"],
        }
        for each in _inputs(manifest)
    ]
    outputs = [
        {"name": name, "data_type": _CONFIG_TYPES[datatype], "dims": [-1, _width(name, manifest)]}
        for name, datatype in OUTPUTS.items()
    ]
    return {
        "name": manifest.name,
        "platform": PLATFORM,
        "backend": "",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": inputs,
        "output": outputs,
    }


def _inputs(manifest: Manifest) -> list[dict[str, Any]]:
    kinds = ["BYTES" if each.kind == CATEGORY else "FP64" for each in manifest.inputs]
    numbers = [_tensor(of.name, kind, of.optional, of) for of, kind in zip(manifest.inputs, kinds, strict=True)]
    texts = [_tensor(name, "BYTES", True) for name in (*manifest.context_names, ORDER_ID)]
    return [*numbers, *texts]


def _tensor(name: str, datatype: str, optional: bool, of: Input | None = None) -> dict[str, Any]:
    unit = {} if of is None or not of.unit else {"unit": of.unit}
    return {"name": name, "datatype": datatype, "shape": [-1, 1], "parameters": {"optional": optional, **unit}}


def _width(output: str, manifest: Manifest) -> int:
    return len(manifest.inputs) if output == "contribution" else 1


def _matrix(manifest: Manifest) -> dict[str, str]:
    """What a matrix of all inputs is called, and its columns."""
    if any(each.kind == CATEGORY for each in manifest.inputs) or MATRIX in (*manifest.input_names, *manifest.context_names):
        return {}
    return {"matrix": MATRIX, "matrix_columns": ",".join(manifest.input_names)}
