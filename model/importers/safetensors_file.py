"""Reads the weights of a network of dense layers from a .safetensors file, as torch names them.

The file has 8 bytes with the length of its header, little-endian, the header, UTF-8 JSON, and the bytes of the tensors:

    {"0.weight": {"dtype": "F32", "shape": [8, 3], "data_offsets": [32, 128]}, …, "__metadata__": {"format": "pt"}}

The tensors follow each other without gaps. The header is strict JSON of at most HEADER_LIMIT bytes, and everything that is not
part of the format is rejected. The file has no order of its layers, so their names must differ in one number: 0.weight, 0.bias,
2.weight, … or fc1.weight, fc1.bias, fc2.weight, … A layer without a bias has zeros.

The format is that of the safetensors README (Hugging Face, version 0.4 and later).
"""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from model.artifact import checks
from model.errors import BadArray, BadManifest, ModelError, ShapeMismatch, TooLarge, UnknownMember, Unreadable
from model.importers.training import Training
from model.importers.training_file import shown

BEGINNING = re.compile(rb".{3}\x00{5}\{", re.DOTALL)
HEADER_LIMIT = 2**18
_LENGTH, _MOST_LAYERS, _MOST_DIMENSIONS = 8, 999, 8
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_SIZE = 2**48
_tensor = checks.object_of(
    dict,
    {
        "dtype": checks.text("[A-Z0-9_]{1,16}", "the name of a type"),
        "shape": checks.list_of(checks.number(0, _SIZE, int), least=0),
        "data_offsets": checks.list_of(checks.number(0, _SIZE, int), least=2),
    },
)
_NUMBERED = re.compile(r"([^0-9]*)([0-9]{1,9})([^0-9]*\.)(weight|bias)")
_EXPECTED = "0.weight, 0.bias, 2.weight, …: names that differ in one number"
_EXPORTER = "`delivery-risk model exporter torch` prints a script that exports such a network"
_FOLDED = f", and it is of a BatchNorm; {_EXPORTER}"
_HINTS = {"num_batches_tracked": _FOLDED}


def read(name: str, content: bytes, features: tuple[str, ...] = ()) -> Training:
    """The layers in the bytes of the file of this name. Raises ModelError."""
    try:
        tensors = load(content)
    except ModelError as error:
        raise Unreadable(name, str(error)) from error
    return Training(features, _layers(tensors))


def load(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The tensors in these bytes by name; those of BF16 as float32. Raises ModelError."""
    begin = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    if not _LENGTH < begin <= len(content) or content[_LENGTH] != ord("{"):
        raise Unreadable("header", "missing or cut short; expected a safetensors file")
    if begin > HEADER_LIMIT:
        raise TooLarge("header", f"over {HEADER_LIMIT} bytes")
    header = checks.read_json(content[_LENGTH:begin], "header")
    _metadata(header.pop("__metadata__", {}), "header.__metadata__")
    entries = {name: _tensor(entry, f"header.{shown(name)}") for name, entry in header.items()}
    tensors, end = {}, 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        if len(entry["data_offsets"]) != 2 or len(entry["shape"]) > _MOST_DIMENSIONS:
            raise BadArray(shown(name), f"expected two offsets, and a shape of at most {_MOST_DIMENSIONS} dimensions")
        start, stop = entry["data_offsets"]
        dtype = _TYPES.get(entry["dtype"])
        if dtype is None:
            raise BadArray(shown(name), f"its type is none of {', '.join(_TYPES)}{_HINTS.get(name.rpartition('.')[2], '')}")
        size = math.prod(entry["shape"]) * np.dtype(dtype).itemsize
        if start != end or stop - start != size or stop > len(content) - begin:
            raise BadArray(shown(name), "its offsets are not those of its type and shape, one tensor behind the other")
        end = stop
        array = np.array(np.frombuffer(content[begin + start : begin + stop], dtype)).reshape(entry["shape"])
        tensors[name] = (array.astype("<u4") << 16).view("<f4") if entry["dtype"] == "BF16" else array
    if begin + end != len(content):
        raise Unreadable("header", "does not describe all bytes of the file")
    return tensors


def _layers(tensors: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The arrays w1, b1, w2, … of the tensors of numbered layers."""
    layers: dict[int, dict[str, npt.NDArray[Any]]] = {}
    around = set()
    for name, array in tensors.items():
        found = _NUMBERED.fullmatch(name)
        if found is None or found[2] != str(int(found[2])):
            raise UnknownMember(shown(name), f"expected {_EXPECTED}; {_EXPORTER}")
        around.add((found[1], found[3]))
        layers.setdefault(int(found[2]), {})[found[4]] = array
        dimensions = {"weight": 2, "bias": 1}[found[4]]
        if array.ndim != dimensions:
            raise ShapeMismatch(shown(name), f"{array.ndim} dimensions, expected {dimensions} of a Linear layer; {_EXPORTER}")
    if len(around) > 1 or not 1 <= len(layers) <= _MOST_LAYERS:
        raise UnknownMember("header", f"the order of the layers is not clear; expected {_EXPECTED}; {_EXPORTER}")
    arrays = {}
    for at, (number, layer) in enumerate(sorted(layers.items()), 1):
        if "weight" not in layer:
            raise UnknownMember(f"layer {number}", "has a bias, but no weight")
        arrays[f"w{at}"] = layer["weight"]
        arrays[f"b{at}"] = layer.get("bias", np.zeros(len(layer["weight"])))
    return arrays


def _metadata(value: Any, location: str) -> None:
    """Raise BadManifest unless this is an object of texts, which are not used."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise BadManifest(location, "expected an object of texts")
