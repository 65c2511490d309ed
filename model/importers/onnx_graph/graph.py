"""An ONNX file as a graph of plain nouns: its inputs, constants, nodes and outputs.

Nothing but these bytes is read: data in other files is rejected, and so are functions, subgraphs and sparse tensors. The size
of each tensor is compared with that of its data before an array is made.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model.errors import BadArray, BadGraph, BadNode, NotInstalled, Unreadable
from model.importers.onnx_graph import opsets, wire

_LONGEST_NAME = 64
_MOST_DIMENSIONS, _LARGEST_DIMENSION = 4, 2**31
_EXTERNAL = "export with all data in one file, as torch.onnx.export(external_data=False) does"
_TEXT, _INTEGER = 8, (6, 7)
_TYPES = {1: ("<f4", "float_data"), 6: ("<i4", "int32_data"), 7: ("<i8", "int64_data"), 11: ("<f8", "double_data")}
_KINDS = {1: "number", 11: "number", 6: "integer", 7: "integer", _TEXT: "text"}
_ATTRIBUTES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}

Array: TypeAlias = npt.NDArray[Any]
Texts: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input by name: its kind, number, integer or text, and its dimensions without that of the orders; None is unknown."""

    name: str
    kind: str
    dims: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node: `operator` has its domain before it if it is not ONNX's own; "" among the `inputs` is one that is left out.

    `attributes` has numbers, texts, arrays and tuples of them.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def location(self) -> str:
        """The node in an error."""
        return f"node {shown(self.name)}"

    def error(self, reason: str) -> BadNode:
        """The error that rejects this node."""
        return BadNode(self.location, f"{shown(self.operator)}: {reason}")


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The nodes are in an order in which each comes after those whose outputs it takes. `opset` is that of ONNX's own."""

    inputs: tuple[GraphInput, ...]
    constants: Mapping[str, Array | Texts]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    opset: int


def shown(name: str) -> str:
    """A name out of a file for an error: escaped, on one line and cut."""
    return name.encode("unicode_escape").decode()[:_LONGEST_NAME]


def read(content: bytes) -> Graph:
    """The graph in these bytes. Raises ModelError."""
    onnx, protobuf = _libraries()
    wire.require_bounded(content, onnx.ModelProto.DESCRIPTOR)
    try:
        model = onnx.load_model_from_string(content)
        return _graph(model, onnx.defs)
    except protobuf.DecodeError as error:
        raise Unreadable("file", "not a protobuf message") from error
    except UnicodeDecodeError as error:
        raise Unreadable("file", "a name in it is not UTF-8") from error


def _libraries() -> tuple[ModuleType, ModuleType]:
    """onnx, and protobuf's module of errors, which it depends on."""
    try:
        import onnx
        from google.protobuf import message
    except ImportError:
        raise NotInstalled("file", 'reading ONNX needs the extra import; pip install "delivery-risk[import]"') from None
    return onnx, message


def _graph(model: Any, defs: Any) -> Graph:
    graph = model.graph
    versions = opsets.versions([(_text(each.domain), each.version) for each in model.opset_import], defs)
    if model.functions:
        raise BadGraph("functions", "the file defines operators of its own; export again without local functions")
    if graph.sparse_initializer:
        raise BadGraph("initializers", "a sparse tensor; save dense ones")
    tensors = [_text(each.name) for each in graph.initializer]
    known = set(tensors)
    inputs = tuple(_input(name, each) for each in graph.input if (name := _text(each.name)) not in known)
    nodes = tuple(_node(at, each, versions, defs) for at, each in enumerate(graph.node))
    _require_unique([*tensors, *(each.name for each in inputs), *(name for each in nodes for name in each.outputs if name)])
    constants = {name: array(each, f"initializer {shown(name)}") for name, each in zip(tensors, graph.initializer, strict=True)}
    return Graph(inputs, constants, nodes, tuple(_text(each.name) for each in graph.output), versions[opsets.OWN])


def _text(given: str | bytes) -> str:
    """The text of a field, which protobuf gives as bytes if it is not UTF-8. Raises UnicodeDecodeError."""
    return given.decode() if isinstance(given, bytes) else given


def _require_unique(names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BadGraph(f"value {shown(name)}", "is made twice")


def _input(name: str, given: Any) -> GraphInput:
    location, of = f"input {shown(name)}", given.type.tensor_type
    if not given.type.HasField("tensor_type") or of.elem_type not in _KINDS:
        raise BadGraph(location, "expected a tensor of float, double, int32, int64 or string")
    if not of.HasField("shape") or len(of.shape.dim) not in (1, 2):
        raise BadGraph(location, "expected the shape (orders,) or (orders, columns)")
    dims = tuple(each.dim_value if each.HasField("dim_value") else None for each in of.shape.dim)
    if any(each is not None and each < 1 for each in dims[1:]):
        raise BadGraph(location, "has no columns")
    return GraphInput(name, _KINDS[of.elem_type], dims[1:])


def _node(at: int, given: Any, versions: Mapping[str, int], defs: Any) -> Node:
    domain, operator = _text(given.domain), _text(given.op_type)
    domain = opsets.DOMAINS.get(domain, domain)
    full = f"{domain}.{operator}" if domain else operator
    node = Node(_text(given.name) or str(at), full, tuple(map(_text, given.input)), tuple(map(_text, given.output)), {})
    attributes = dict(_attributes(node, given.attribute))
    if len(attributes) < len(given.attribute):
        raise node.error("an attribute is given twice")
    differs = opsets.differs(domain, operator, len(node.inputs), list(attributes), versions.get(domain), defs)
    if differs:
        raise node.error(differs)
    return replace(node, attributes=attributes)


def _attributes(node: Node, given: Any) -> Iterator[tuple[str, Any]]:
    for each in given:
        name = _text(each.name)
        if each.ref_attr_name or each.type not in _ATTRIBUTES:
            raise node.error(f"attribute {shown(name)} is not a number, a text, a tensor or a list of them")
        found = getattr(each, _ATTRIBUTES[each.type])
        if each.type == 4:
            found = array(found, f"node {shown(node.name)}")
        elif each.type == 3:
            found = _text(found)
        elif each.type == 8:
            found = tuple(map(_text, found))
        yield name, tuple(found) if each.type in (6, 7) else found


def array(tensor: Any, location: str) -> Array | Texts:
    """The tensor as an array, or the texts in it. Raises BadArray."""
    if tensor.external_data or tensor.data_location:
        raise BadArray(location, f"its data is in another file, which is never read; {_EXTERNAL}")
    size = math.prod(tensor.dims)
    if any(not 0 < each <= _LARGEST_DIMENSION for each in tensor.dims) or len(tensor.dims) > _MOST_DIMENSIONS:
        raise BadArray(location, f"expected up to {_MOST_DIMENSIONS} dimensions, none of them 0 or negative")
    if tensor.data_type == _TEXT:
        texts = tuple(map(_text, tensor.string_data))
        if len(texts) != size:
            raise BadArray(location, "its size is not that of its data")
        return texts
    if tensor.data_type not in _TYPES:
        raise BadArray(location, "expected float, double, int32, int64 or string")
    kind, field = _TYPES[tensor.data_type]
    dtype, numbers, raw = np.dtype(kind), getattr(tensor, field), tensor.raw_data
    if (len(raw) != size * dtype.itemsize or numbers) if tensor.HasField("raw_data") else len(numbers) != size:
        raise BadArray(location, "its size is not that of its data")
    flat = np.frombuffer(raw, dtype) if raw else np.fromiter(numbers, dtype, len(numbers))
    return flat.reshape(tuple(tensor.dims))
