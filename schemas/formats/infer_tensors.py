"""Tensors: the datatypes of the Open Inference Protocol v2, and the elements of tensors in JSON and in binary."""

import struct
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

BYTES = "BYTES"
_FLOATS = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2"}
_INTEGERS = {f"{sign}INT{8 * size}": f"<{code}{size}" for sign, code in (("", "i"), ("U", "u")) for size in (1, 2, 4, 8)}
NUMBERS = {name: np.dtype(code) for name, code in (_FLOATS | _INTEGERS).items()}
"""The datatypes that a number may have, in binary."""

BINARY_ALONE = ("FP16",)
"""Datatypes that JSON does not have."""

_SIZE = struct.Struct("<I")


class WrongSize(Exception):
    """A tensor has more or fewer elements or bytes than its shape says."""


class WrongElements(Exception):
    """Elements are not of the datatype: those at these `positions`."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__("elements are not of the datatype")
        self.positions = positions


def binary_numbers(raw: memoryview, datatype: str, shape: Sequence[int]) -> npt.NDArray[Any]:
    """The elements of a binary tensor, as they are. Raises WrongSize."""
    dtype = NUMBERS[datatype]
    if len(raw) != prod(shape) * dtype.itemsize:
        raise WrongSize
    return np.frombuffer(raw, dtype)


def binary_texts(raw: memoryview, count: int) -> list[str | bytes]:
    """The texts of a binary tensor; the bytes of one that is not UTF-8. Raises WrongSize."""
    content, found, at, size_at = bytes(raw), list[Any](), 0, _SIZE.unpack_from
    if len(content) < count * _SIZE.size:
        raise WrongSize
    text = content.decode("latin-1")  # a character for each byte: a piece of it takes less time than to decode one
    try:
        for _ in range(count):
            begin = at + _SIZE.size
            at = begin + size_at(content, at)[0]
            found.append(text[begin:at])
    except struct.error:
        raise WrongSize from None
    if at != len(content):
        raise WrongSize
    return found if "".join(found).isascii() else [_decoded(each.encode("latin-1")) for each in found]


def _decoded(piece: bytes) -> str | bytes:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return piece


def flat(data: Any, shape: Sequence[int]) -> list[Any]:
    """The elements of JSON data, which is flat or nested as the shape says. Raises WrongSize."""
    if not isinstance(data, list):
        raise WrongSize
    elements: list[Any] = data
    if len(shape) == 2 and data and isinstance(data[0], list):
        if len(data) != shape[0] or not all(isinstance(row, list) and len(row) == shape[1] for row in data):
            raise WrongSize
        elements = list(chain.from_iterable(data))
    if len(elements) != prod(shape) or (elements and any(isinstance(each, list) for each in elements[:1])):
        raise WrongSize
    return elements


def integers(elements: Sequence[Any], datatype: str) -> None:
    """Check JSON elements against an integer datatype; what is no number is left to validation. Raises WrongElements."""
    if datatype not in _INTEGERS:
        return
    limits = np.iinfo(NUMBERS[datatype])
    low, high = int(limits.min), int(limits.max)
    numbers = ((at, each) for at, each in enumerate(elements) if type(each) in (int, float))
    wrong = [at for at, each in numbers if not (low <= each <= high and each == each // 1)]
    if wrong:
        raise WrongElements(wrong)


def are_integers(numbers: npt.NDArray[np.float64], datatype: str) -> bool:
    """Whether all numbers are plainly of an integer datatype. Those next to its bounds may be, too."""
    limits = np.iinfo(NUMBERS[datatype])
    return bool(np.all((numbers >= float(limits.min)) & (numbers < float(limits.max)) & (numbers == np.trunc(numbers))))
