"""Open Inference Protocol v2: a named tensor for each input, or one matrix of all of them, in JSON or in binary.

The inputs that are numbers may come as one tensor MATRIX of shape [n, I], in the order of the model. Categories, contexts and
the order ids are BYTES. Without a tensor `order_id` the ids are the numbers of the rows, and the batch says so. As in CSV, an
empty text is missing; NaN is a missing number where the model takes orders without it.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from math import isnan
from types import NoneType
from typing import Any

import msgspec
import numpy as np

from model.core.batch import FEW_ORDERS, Batch
from schemas.faults import Fault, MalformedBody
from schemas.fields import well_formed
from schemas.formats import infer_parameters, infer_tensors
from schemas.formats.bounds import Bounds
from schemas.formats.infer_description import ORDER_ID, DescribedTensors, Tensor
from schemas.formats.infer_request import InferRequest, document_of, given, split, strict_document
from schemas.formats.infer_tensors import BYTES, WrongElements, WrongSize
from schemas.generated_ids import generated_ids
from schemas.names import with_hints
from schemas.order_columns import Column
from schemas.validation import BatchValidator, DecodedBatch

NAME = "v2"
_TEXTS: set[type] = {str, NoneType}


class V2Decoder:
    """Decodes infer requests for one model."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._bounds = Bounds(validator.max_orders, validator.members + 1, validator.members)
        self._tensors = DescribedTensors(validator)
        self._gaps = {each.name for each in validator.inputs if each.optional}

    def read(self, content: bytes, length: int | None) -> InferRequest:
        """The request in a body whose JSON has this length, None where all of it is JSON. Raises MalformedBody."""
        text, tail = split(content, length)
        if not text and tail:
            return InferRequest(text, tail, None, infer_parameters.DEFAULT)
        if self._bounds.exceeded(text) is not None:
            raise MalformedBody("the body has far more tensors, names or values than the largest batch")
        document, strict = document_of(text)
        if not well_formed(given(document.id) or ""):
            raise MalformedBody("the id is not a text of Unicode characters")
        found = infer_parameters.asked(document, self._validator.contexts, self._validator.max_orders)
        return InferRequest(text, tail, document, found.wanted, strict, found.faults)

    def valid(self, request: InferRequest) -> DecodedBatch | None:
        """The batch of a request that is plainly valid; None for any other. Raises MalformedBody."""
        tensors, faults = self._tensors.of(request)
        if faults or request.strict or not tensors or tensors[0].shape[0] > self._validator.max_orders:
            return None
        count = tensors[0].shape[0]
        few = count <= FEW_ORDERS and self._validator.columns.are_numbers
        try:
            found = {name: column for each in tensors for name, column in self._fast(each, few)}
            ids = found.pop(ORDER_ID, None)
            columns = self._columns(found, count)
            given_ids: list[Any] = generated_ids(count) if ids is None else ids
            return self._validator.typed(given_ids, columns, NAME, generated=ids is None)
        except (WrongSize, ValueError, TypeError, struct.error):  # it has other elements
            return None

    def decode(self, request: InferRequest) -> DecodedBatch:
        """The valid orders of a request, and all faults. Raises MalformedBody."""
        return self.valid(request) or self._explain(request)

    def _explain(self, request: InferRequest) -> DecodedBatch:
        if not request.strict and request.document is not None:
            request = replace(request, document=strict_document(request.text), strict=True)
        tensors, faults = self._tensors.of(request)
        count = max((each.shape[0] for each in tensors), default=0)
        if count > self._validator.max_orders:
            faults.append(Fault("too_many_orders", limit=self._validator.max_orders))
        found: dict[str, list[Any]] = {}
        for each in () if faults else tensors:
            try:
                found |= self._values(each)
            except WrongSize:
                faults.append(_wrong_size(each))
            except WrongElements as error:
                faults += (self._element(each, at) for at in error.positions)
        if faults:
            hinted = with_hints(faults, "unknown_name", self._meant)
            received = count if count <= len(request.text) + len(request.tail) else 0  # a shape may say anything
            return msgspec.structs.replace(self._validator.rejected(received, *hinted), format=NAME)
        if not count:
            batch = Batch([], np.empty((0, len(self._validator.inputs))))
            return DecodedBatch(batch, (), (), 0, NAME, generated_ids=ORDER_ID not in found)
        ids = found.pop(ORDER_ID, None)
        columns = [found.get(name) or [None] * count for name in self._validator.names]
        given_ids: list[Any] = generated_ids(count) if ids is None else ids
        decoded = self._validator.decode_columns(given_ids, columns)
        decoded = decoded.with_generated_ids() if ids is None else decoded
        return msgspec.structs.replace(decoded, format=NAME)

    def _fast(self, tensor: Tensor, few: bool) -> Iterator[tuple[str, Any]]:
        """The columns of a tensor, by name. Raises WrongSize, ValueError, TypeError and struct.error."""
        shape, datatype = tensor.shape, tensor.datatype
        if datatype == BYTES:
            texts = infer_tensors.binary_texts(tensor.raw, shape[0]) if tensor.raw is not None else _flat(tensor)
            if tensor.name == ORDER_ID:
                yield ORDER_ID, texts
            elif not _TEXTS.issuperset(map(type, texts)):
                raise ValueError
            else:
                yield tensor.name, [text or None for text in texts]
            return
        if tensor.raw is not None:
            numbers = infer_tensors.binary_numbers(tensor.raw, datatype, shape).astype(np.float64, copy=False)
        else:
            elements = _flat(tensor)  # struct takes a third of NumPy's time, and floats alone
            numbers = np.frombuffer(struct.pack(f"{len(elements)}d", *elements))
            if datatype not in ("FP64", "FP32") and not infer_tensors.are_integers(numbers, datatype):
                raise ValueError
        if not self._tensors.is_matrix(tensor.name):
            yield tensor.name, numbers.tolist() if few else numbers
            return
        columns = numbers.reshape(shape).T
        yield from zip(self._tensors.names, columns.tolist() if few else columns, strict=True)

    def _columns(self, found: dict[str, Any], count: int) -> list[Column]:
        """The columns in the order of the validator's names."""
        return [found[name] if name in found else [None] * count for name in self._validator.names]

    def _values(self, tensor: Tensor) -> dict[str, list[Any]]:
        """The columns of a tensor as Python's values, None for a missing one. Raises WrongSize and WrongElements."""
        shape, datatype = tensor.shape, tensor.datatype
        if tensor.raw is None:
            elements = _flat(tensor)
            infer_tensors.integers(elements, datatype)
        elif datatype == BYTES:
            elements = infer_tensors.binary_texts(tensor.raw, shape[0])
        else:
            elements = infer_tensors.binary_numbers(tensor.raw, datatype, shape).astype(np.float64).tolist()
        if datatype == BYTES:
            return {tensor.name: [None if text == "" else text for text in elements]}
        if not self._tensors.is_matrix(tensor.name):
            return {tensor.name: self._with_gaps(tensor.name, elements)}
        width = shape[1]
        return {name: self._with_gaps(name, elements[at::width]) for at, name in enumerate(self._tensors.names)}

    def _with_gaps(self, name: str, elements: list[Any]) -> list[Any]:
        if name not in self._gaps:
            return elements
        return [None if isinstance(each, float) and isnan(each) else each for each in elements]

    def _element(self, tensor: Tensor, at: int) -> Fault:
        """The fault of an element that is not of its datatype."""
        if self._tensors.is_matrix(tensor.name):
            row, column = divmod(at, tensor.shape[1])
            return Fault("wrong_datatype", row, self._tensors.names[column], hint=f"expected {tensor.datatype}")
        return Fault("wrong_datatype", at, tensor.name, hint=f"expected {tensor.datatype}")

    def _meant(self, fault: Fault) -> tuple[tuple[str, ...], str] | None:
        return (self._tensors.known, fault.path[1]) if fault.path[:1] == ("inputs",) and fault.hint is None else None


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault: the tensor and the row."""
    return "inputs", *(() if fault.name is None else (fault.name,)), str(fault.position)


def _flat(tensor: Tensor) -> list[Any]:
    """The elements of a tensor in JSON. No data are no elements, as KServe's client writes them."""
    return infer_tensors.flat([] if tensor.data is None and 0 in tensor.shape else tensor.data, tensor.shape)


def _wrong_size(tensor: Tensor) -> Fault:
    return Fault("wrong_size", path=("inputs", tensor.name))
