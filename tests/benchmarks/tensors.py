"""Requests of the Open Inference Protocol for the benchmark, and how an answer with binary tensors is read."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.benchmarks.bodies import Result, orders, results
from tests.benchmarks.bodies import tensors as columns
from tests.facts import FEATURES
from tests.tensor_bodies import Tensor, elements, request
from tests.tensor_oracle import MATRIX

_WISH = {"parameters": {"binary_data_output": True}}


@cache
def _matrix(count: int, binary: bool) -> tuple[bytes, dict[str, str]]:
    flat = [float(value) for order in orders(count) for value in order]
    return request([Tensor(MATRIX, "FP64", (count, len(FEATURES)), flat, binary)], **(_WISH if binary else {}))


@cache
def _binary_columns(count: int) -> tuple[bytes, dict[str, str]]:
    given = json.loads(columns(count))["inputs"]
    return request([Tensor(each["name"], each["datatype"], each["shape"], each["data"], True) for each in given], **_WISH)


def matrix(count: int) -> bytes:
    """The orders as one tensor, in JSON."""
    return _matrix(count, binary=False)[0]


def binary_matrix(count: int) -> bytes:
    return _matrix(count, binary=True)[0]


def binary_matrix_headers(count: int) -> Mapping[str, str]:
    return _matrix(count, binary=True)[1]


def binary_columns(count: int) -> bytes:
    """The same tensors as those of `columns`: ids and one per feature."""
    return _binary_columns(count)[0]


def binary_columns_headers(count: int) -> Mapping[str, str]:
    return _binary_columns(count)[1]


def read_binary(content: bytes) -> Any:
    """The JSON of an answer, with the elements of its binary tensors in place."""
    # Bytes of a tensor need not be text: latin-1 keeps their places.
    document, at = json.JSONDecoder().raw_decode(content.decode("latin-1"))
    for output in document["outputs"]:
        size = output["parameters"]["binary_data_size"]
        output["data"] = elements(output["datatype"], content[at : at + size])
        at += size
    return document


def of_scores(answer: Any) -> list[Result]:
    """The results of an answer without ids, which are those of the request."""
    data = {each["name"]: each["data"] for each in answer["outputs"]}
    found = results(data["score"])
    if data["review"] != [queue == "review" for _, _, queue in found]:
        raise ValueError("score and review do not agree")
    return found
