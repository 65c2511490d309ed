"""What the text of the Open Inference Protocol says of an infer request to the packaged model, and the scores it must get.

A request that `read` rejects must not be answered with 200. One that it reads has the returned values and no others. Between
both are requests that the text leaves open, such as one with members that it does not name: they are not `plain`.
"""

import json
import math
import re
import struct
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.facts import FEATURES, THRESHOLD
from tests.oracle import PORTABLE, PlainLayer, forward, portable_sigmoid, zscores
from tests.tensor_bodies import CODES, elements

MATRIX = "orders"
OUTPUTS = ("score", "review", "logit", "rank", "contribution")
DEFAULT_OUTPUTS = OUTPUTS[:2]
_INTEGERS = {f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)}
_INTEGERS |= {f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)}
_REJECTED = re.compile("shared_memory_|sequence_|classification")
_LAYERS: list[PlainLayer] = [
    ([[0.8, 0.3, 0.4], [-0.2, 0.9, 0.5], [0.4, -0.1, 0.7]], [0.0, -0.2, 0.1], "relu"),
    ([[0.9, 0.7, 0.6]], [-0.3], "linear"),
]


class NotReadable(Exception):
    """The text forbids to answer this request with 200."""


@dataclass(frozen=True)
class Reading:
    """The orders of a request by feature, the outputs it wants and whether each is to be binary."""

    orders: Sequence[Sequence[float]]
    outputs: Mapping[str, bool]
    id: str | None
    plain: bool


def logit(order: Sequence[float]) -> float:
    """The exact logit of an order."""
    return forward(_LAYERS, zscores(order, [5.0] * 3, [2.0] * 3), PORTABLE)[-1].activations[0]


def score(order: Sequence[float]) -> float:
    """The exact score of an order."""
    return portable_sigmoid(logit(order))


def review(order: Sequence[float]) -> bool:
    """Whether an order goes to review: by its score, or because a value is outside the range of the training."""
    return score(order) >= THRESHOLD or not all(0.0 <= value <= 10.0 for value in order)


def expect(met: bool) -> None:
    if not met:
        raise NotReadable


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    expect(len(dict(pairs)) == len(pairs))
    return dict(pairs)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise NotReadable from None
    expect(isinstance(found, dict))
    return found


def _flat(data: Any, shape: Sequence[int]) -> list[Any]:
    """The elements of data that are nested as the shape says."""
    expect(isinstance(data, list) and len(data) == shape[0])
    return data if len(shape) == 1 else [element for row in data for element in _flat(row, shape[1:])]


def _number(value: Any, datatype: str) -> float:
    """A finite number of this datatype, as it is in float64."""
    expect(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**1024)
    found = float(value)
    expect(math.isfinite(found))
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        expect(found.is_integer() and low <= value <= high)
    return found


def _parameters(owner: dict[str, Any]) -> dict[str, Any]:
    found = owner.get("parameters")
    expect(found is None or isinstance(found, dict))
    expect(not any(_REJECTED.match(name) for name in found or ()))
    return found or {}


@dataclass
class _Tail:
    """The bytes behind the JSON, and how many of them are read."""

    raw: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        expect(0 <= size <= len(self.raw) - self.at)
        self.at += size
        return self.raw[self.at - size : self.at]


@dataclass(frozen=True)
class _Input:
    name: str
    datatype: str
    shape: Sequence[int]
    data: Sequence[Any]

    def column(self) -> list[float]:
        """Its numbers: one per order."""
        expect(len(self.shape) == 1 or self.shape[1] == 1)
        return self.numbers()

    def numbers(self) -> list[float]:
        expect(self.datatype != "BYTES")
        return [_number(value, self.datatype) for value in self.data]


def _input(given: Any, tail: _Tail) -> _Input:
    expect(isinstance(given, dict))
    name, shape, datatype = given.get("name"), given.get("shape"), given.get("datatype")
    expect(isinstance(name, str) and isinstance(shape, list) and isinstance(datatype, str) and len(shape) in (1, 2))
    expect(all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63 for size in shape))
    expect(datatype in _INTEGERS or datatype in ("FP16", "FP32", "FP64", "BYTES"))
    count, size, data = math.prod(shape), _parameters(given).get("binary_data_size"), given.get("data")
    if size is None:
        data = [] if data is None and count == 0 else data  # KServe's client writes null for no elements.
        expect(isinstance(data, list) and datatype != "FP16")
        flat = len(data) == count and not any(isinstance(each, list) for each in data)
        return _Input(name, datatype, shape, data if flat else _flat(data, shape))
    expect(data is None and isinstance(size, int) and not isinstance(size, bool))
    try:
        found = elements(datatype, tail.take(size))
    except (struct.error, UnicodeDecodeError):
        raise NotReadable from None
    expect(len(found) == count)
    expect(datatype == "BYTES" or size == count * struct.calcsize(CODES[datatype]))
    return _Input(name, datatype, shape, found)


def _ids(given: _Input) -> int:
    """The number of order ids."""
    expect(given.datatype == "BYTES" and (len(given.shape) == 1 or given.shape[1] == 1))
    for each in given.data:
        expect(isinstance(each, str) and 1 <= len(each) <= 128)
        expect(not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in each))
    expect(len({*given.data}) == len(given.data))
    return len(given.data)


def _orders(inputs: Sequence[_Input]) -> list[list[float]]:
    by_name = {each.name: each for each in inputs}
    expect(len(by_name) == len(inputs))
    ids = by_name.pop("order_id", None)
    if by_name.keys() == {MATRIX}:
        matrix = by_name[MATRIX]
        expect(len(matrix.shape) == 2 and matrix.shape[1] == len(FEATURES))
        numbers = matrix.numbers()
        orders = [numbers[at : at + len(FEATURES)] for at in range(0, len(numbers), len(FEATURES))]
    else:
        expect(by_name.keys() == {*FEATURES})
        columns = [by_name[name].column() for name in FEATURES]
        expect(len({*map(len, columns)}) == 1)
        orders = [[*row] for row in zip(*columns, strict=True)]
    expect(ids is None or _ids(ids) == len(orders))
    return orders


def _raw(body: bytes) -> list[list[float]]:
    """The orders of a body that has no JSON: the elements of a matrix."""
    row = struct.Struct(f"<{len(FEATURES)}d")
    expect(len(body) % row.size == 0)
    orders = [[*values] for values in row.iter_unpack(body)]
    expect(all(math.isfinite(value) for order in orders for value in order))
    return orders


def _outputs(document: Mapping[str, Any], binary: bool) -> dict[str, bool]:
    """The outputs that are wanted, and whether each is to be binary."""
    given = document.get("outputs")
    expect(given is None or isinstance(given, list))
    found: dict[str, bool] = {}
    for each in given or ():
        expect(isinstance(each, dict) and each.get("name") in OUTPUTS and each["name"] not in found)
        wish = _parameters(each).get("binary_data", binary)
        expect(isinstance(wish, bool))
        found[each["name"]] = wish
    return found or dict.fromkeys(DEFAULT_OUTPUTS, binary)


_MEMBERS = {"id": str, "inputs": list, "outputs": list, "parameters": dict, "model_name": str}
_OF_INPUT, _OF_OUTPUT = {"name", "shape", "datatype", "data", "parameters"}, {"name", "parameters"}


def _plain(document: Mapping[str, Any]) -> bool:
    """Whether it has the members of the text alone, integers where a datatype is one, and no half of a character."""
    inputs, outputs = document["inputs"], document.get("outputs") or ()
    return (
        not re.search("[\ud800-\udfff]", json.dumps(document, ensure_ascii=False))
        and all(isinstance(value, _MEMBERS.get(name, ())) for name, value in document.items())
        and all(each.keys() <= _OF_INPUT for each in inputs)
        and all(each.keys() <= _OF_OUTPUT for each in outputs)
        and {*document.get("parameters", ())} <= {"binary_data_output"}
        and all({*(each.get("parameters") or ())} <= {"binary_data_size"} for each in inputs)
        and all((each.get("parameters") or {}).get("binary_data_size", 0) is not None for each in inputs)
        and all({*(each.get("parameters") or ())} <= {"binary_data"} for each in outputs)
        and not any("INT" in each["datatype"] and "." in str(each.get("data")) for each in inputs)
    )


def read(header: str | None, body: bytes) -> Reading:
    """The reading of a request with this Inference-Header-Content-Length. Raises NotReadable."""
    expect(header is None or re.fullmatch("[0-9]+", header, re.ASCII) is not None)
    at = len(body) if header is None else int(header)
    expect(at <= len(body))
    if at == 0 and body:
        return Reading(_raw(body), dict.fromkeys(DEFAULT_OUTPUTS, True), None, plain=False)
    document, tail = _document(body[:at]), _Tail(body[at:])
    expect(isinstance(document.get("inputs"), list))
    expect(isinstance(document.get("id"), str | None))
    orders = _orders([_input(each, tail) for each in document["inputs"]])
    expect(tail.at == len(tail.raw))
    binary = _parameters(document).get("binary_data_output", False)
    expect(isinstance(binary, bool))
    return Reading(orders, _outputs(document, binary), document.get("id"), _plain(document))
