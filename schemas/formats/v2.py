"""Open Inference Protocol v2: a named tensor for each input, or one matrix of all of them, in JSON or in binary.

The inputs that are numbers may come as one tensor MATRIX of shape [n, I], in the order of the model. Categories, contexts and
the order ids are BYTES. Without a tensor `order_id` the ids are the numbers of the rows, and the batch says so. As in CSV, an
empty text is missing; NaN is a missing number where the model takes orders without it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isnan
from types import NoneType
from typing import Any

import msgspec
import numpy as np

from model.core.batch import FEW_ORDERS, Batch
from model.core.manifest import CATEGORY
from schemas.faults import Fault, MalformedBody
from schemas.fields import well_formed
from schemas.formats import infer_parameters, infer_tensors
from schemas.formats.bounds import Bounds
from schemas.formats.infer_request import InferInput, InferRequest, document_of, given, split, strict_document
from schemas.formats.infer_tensors import BINARY_ALONE, BYTES, NUMBERS, WrongElements, WrongSize
from schemas.generated_ids import generated_ids
from schemas.names import with_hints
from schemas.order_columns import Column
from schemas.validation import BatchValidator, DecodedBatch

NAME = "v2"
MATRIX = "orders"
ORDER_ID = "order_id"
_TEXTS: set[type] = {str, NoneType}
_SHAPES = "expected [n] or [n, 1], with the same n in all tensors"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor whose description is valid. `raw` are its bytes, None where it is in JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any
    raw: memoryview | None


class V2Decoder:
    """Decodes infer requests for one model."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._bounds = Bounds(validator.max_orders, validator.members + 1, validator.members)
        self._texts = {each.name for each in validator.inputs if each.kind == CATEGORY} | {*validator.contexts, ORDER_ID}
        names = [each.name for each in validator.inputs]
        self.takes_matrix = MATRIX not in (*validator.names, *validator.also_accepts) and self._texts.isdisjoint(names)
        self._of_matrix = dict.fromkeys(names if self.takes_matrix else ())
        self._known = (ORDER_ID, *validator.names, *validator.also_accepts, *((MATRIX,) if self.takes_matrix else ()))
        self._required = [each.name for each in validator.inputs if not each.optional]
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
        tensors, faults = self._described(request)
        if faults or request.strict or not tensors:
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
        tensors, faults = self._described(request)
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

    def _described(self, request: InferRequest) -> tuple[list[_Tensor], list[Fault]]:
        """The tensors that have a valid description, and the faults of the others and of those that are missing."""
        if request.document is None:
            return [self._raw(request.tail)], []
        faults, tensors, seen, at = [*request.faults], list[_Tensor](), set[str](), 0
        for each in request.inputs:
            raw = None
            parameters = given(each.parameters) or {}
            found = list(infer_parameters.faults_of(parameters, infer_parameters.OF_INPUT, "inputs", each.name, "parameters"))
            size = parameters.get("binary_data_size")
            if "binary_data_size" in parameters and not found and isinstance(size, int):
                raw, at = request.tail[at : at + size], at + size
                if at > len(request.tail):
                    raise MalformedBody("the body ends before the last of its binary tensors")
            found += self._of_input(each, raw)
            if each.name in seen:
                found.append(Fault("duplicate_key", path=("inputs", each.name)))
            seen.add(each.name)
            faults += found
            if not found and each.name not in self._validator.also_accepts:
                tensors.append(_Tensor(each.name, each.datatype, tuple(each.shape), given(each.data), raw))
        if not faults and at != len(request.tail):
            raise MalformedBody("the body continues after the last of its binary tensors")
        both = seen & self._of_matrix.keys() if MATRIX in seen else set()
        faults += [Fault("duplicate_key", path=("inputs", name), hint=f"{MATRIX} has it too") for name in sorted(both)]
        if MATRIX not in seen or not self.takes_matrix:
            faults += [Fault("missing", path=("inputs", name)) for name in self._required if name not in seen]
        if len({each.shape[0] for each in tensors}) > 1:
            first = tensors[0].shape[0]
            others = [each.name for each in tensors if each.shape[0] != first]
            faults += [Fault("wrong_shape", path=("inputs", name), hint=_SHAPES) for name in others]
        return tensors, faults

    def _raw(self, tail: memoryview) -> _Tensor:
        """The tensor of a raw request. Raises MalformedBody."""
        width = len(self._validator.inputs)
        if not self.takes_matrix:
            raise MalformedBody("a body without JSON needs a model whose inputs are all numbers")
        if len(tail) % (8 * width):
            raise MalformedBody(f"a body without JSON must be a matrix [n, {width}] of FP64")
        return _Tensor(MATRIX, "FP64", (len(tail) // (8 * width), width), None, tail)

    def _of_input(self, given_input: InferInput[Any], raw: memoryview | None) -> Iterator[Fault]:
        """The faults of the description of a tensor."""
        path, name = ("inputs", given_input.name), given_input.name
        if name not in self._known:
            yield Fault("unknown_name", path=path)
            return
        shape, datatype = given_input.shape, given_input.datatype
        if name in self._validator.also_accepts:
            return
        columns = len(self._validator.inputs) if name == MATRIX and self.takes_matrix else 1
        expected = f"expected [n, {columns}]" if name == MATRIX and self.takes_matrix else _SHAPES
        right = shape[1:] in ([columns], *([] if expected is not _SHAPES else [[]]))
        if not shape or shape[0] < 0 or not right:
            yield Fault("wrong_shape", path=path, hint=expected)
        if name in self._texts:
            if datatype != BYTES:
                yield Fault("wrong_datatype", path=path, hint=f"expected {BYTES}")
        elif datatype not in NUMBERS:
            yield Fault("wrong_datatype", path=path, hint=f"expected one of {', '.join(NUMBERS)}")
        elif raw is None and datatype in BINARY_ALONE:
            yield Fault("wrong_datatype", path=path, hint=f"{datatype} must be binary")
        if raw is not None and given(given_input.data) is not None:
            yield Fault("wrong_size", path=path, hint="it has both data and binary_data_size")

    def _fast(self, tensor: _Tensor, few: bool) -> Iterator[tuple[str, Any]]:
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
            numbers = np.frombuffer(struct.pack(f"={len(elements)}d", *elements))
            if datatype not in ("FP64", "FP32") and not infer_tensors.are_integers(numbers, datatype):
                raise ValueError
        if tensor.name != MATRIX or not self.takes_matrix:
            yield tensor.name, numbers.tolist() if few else numbers
            return
        columns = numbers.reshape(shape).T
        yield from zip(self._of_matrix, columns.tolist() if few else columns, strict=True)

    def _columns(self, found: dict[str, Any], count: int) -> list[Column]:
        """The columns in the order of the validator's names."""
        return [found[name] if name in found else [None] * count for name in self._validator.names]

    def _values(self, tensor: _Tensor) -> dict[str, list[Any]]:
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
        if tensor.name != MATRIX or not self.takes_matrix:
            return {tensor.name: self._with_gaps(tensor.name, elements)}
        width = shape[1]
        return {name: self._with_gaps(name, elements[at::width]) for at, name in enumerate(self._of_matrix)}

    def _with_gaps(self, name: str, elements: list[Any]) -> list[Any]:
        if name not in self._gaps:
            return elements
        return [None if isinstance(each, float) and isnan(each) else each for each in elements]

    def _element(self, tensor: _Tensor, at: int) -> Fault:
        """The fault of an element that is not of its datatype."""
        if tensor.name == MATRIX and self.takes_matrix:
            row, column = divmod(at, tensor.shape[1])
            return Fault("wrong_datatype", row, [*self._of_matrix][column], hint=f"expected {tensor.datatype}")
        return Fault("wrong_datatype", at, tensor.name, hint=f"expected {tensor.datatype}")

    def _meant(self, fault: Fault) -> tuple[tuple[str, ...], str] | None:
        return (self._known, fault.path[1]) if fault.path[:1] == ("inputs",) and fault.hint is None else None


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault: the tensor and the row."""
    return "inputs", *(() if fault.name is None else (fault.name,)), str(fault.position)


def _flat(tensor: _Tensor) -> list[Any]:
    """The elements of a tensor in JSON. No data are no elements, as KServe's client writes them."""
    return infer_tensors.flat([] if tensor.data is None and 0 in tensor.shape else tensor.data, tensor.shape)


def _wrong_size(tensor: _Tensor) -> Fault:
    return Fault("wrong_size", path=("inputs", tensor.name))
