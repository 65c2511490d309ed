"""Described tensors: what an infer request says of its tensors, checked against the inputs of one model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model.core.manifest import CATEGORY
from schemas.faults import Fault, MalformedBody
from schemas.formats import infer_parameters
from schemas.formats.infer_request import InferInput, InferRequest, given
from schemas.formats.infer_tensors import BINARY_ALONE, BYTES, NUMBERS
from schemas.validation import BatchValidator

MATRIX = "orders"
ORDER_ID = "order_id"
_ROWS = "expected as many rows in all tensors"
_SHAPES = "expected [n] or [n, 1], with the same n in all tensors"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor whose description is valid. `raw` are its bytes, None where it is in JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any
    raw: memoryview | None


class DescribedTensors:
    """Finds the tensors of requests to one model. With `takes_matrix` the inputs may come as one tensor MATRIX.

    `names` are those of the inputs, `known` those that a tensor may have.
    """

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._texts = {each.name for each in validator.inputs if each.kind == CATEGORY} | {*validator.contexts, ORDER_ID}
        self.names = [each.name for each in validator.inputs]
        taken = MATRIX in (*validator.names, *validator.also_accepts)
        self.takes_matrix = not taken and self._texts.isdisjoint(self.names)
        self.known = (ORDER_ID, *validator.names, *validator.also_accepts, *((MATRIX,) if self.takes_matrix else ()))
        self._required = [each.name for each in validator.inputs if not each.optional]

    def is_matrix(self, name: str) -> bool:
        """Whether the tensor of this name has all inputs."""
        return self.takes_matrix and name == MATRIX

    def of(self, request: InferRequest) -> tuple[list[Tensor], list[Fault]]:
        """The tensors that have a valid description, and the faults of the others and of those that are missing.

        Raises MalformedBody.
        """
        if request.document is None:
            return [self._raw(request.tail)], []
        faults, tensors, seen, at = [*request.faults], list[Tensor](), set[str](), 0
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
                tensors.append(Tensor(each.name, each.datatype, tuple(each.shape), given(each.data), raw))
        if not faults and at != len(request.tail):
            raise MalformedBody("the body continues after the last of its binary tensors")
        both = sorted(seen.intersection(self.names)) if self.takes_matrix and MATRIX in seen else []
        faults += [Fault("duplicate_key", path=("inputs", name), hint=f"{MATRIX} has it too") for name in both]
        if not (self.takes_matrix and MATRIX in seen):
            faults += [Fault("missing", path=("inputs", name)) for name in self._required if name not in seen]
        if len({each.shape[0] for each in tensors}) > 1:
            first = tensors[0].shape[0]
            others = [each.name for each in tensors if each.shape[0] != first]
            faults += [Fault("wrong_shape", path=("inputs", name), hint=_ROWS) for name in others]
        return tensors, faults

    def _raw(self, tail: memoryview) -> Tensor:
        """The tensor of a raw request. Raises MalformedBody."""
        width = len(self._validator.inputs)
        if not self.takes_matrix:
            raise MalformedBody("a body without JSON needs a model whose inputs are all numbers")
        if len(tail) % (8 * width):
            raise MalformedBody(f"a body without JSON must be a matrix [n, {width}] of FP64")
        return Tensor(MATRIX, "FP64", (len(tail) // (8 * width), width), None, tail)

    def _of_input(self, given_input: InferInput[Any], raw: memoryview | None) -> Iterator[Fault]:
        """The faults of the description of a tensor."""
        path, name = ("inputs", given_input.name), given_input.name
        if name not in self.known:
            yield Fault("unknown_name", path=path)
            return
        shape, datatype = given_input.shape, given_input.datatype
        if name in self._validator.also_accepts:
            return
        rest, expected = ([[], [1]], _SHAPES)
        if self.is_matrix(name):
            rest, expected = ([[len(self.names)]], f"expected [n, {len(self.names)}]")
        if not shape or shape[0] < 0 or shape[1:] not in rest:
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
