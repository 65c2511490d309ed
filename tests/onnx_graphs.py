"""Random ONNX graphs in the styles of exporters, and what onnx.reference computes of a graph.

The graphs are made with onnx.helper and evaluated by onnx.reference, neither of which the importer uses.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Array = npt.NDArray[Any]

ML = "ai.onnx.ml"
CARRIERS, MONTHS = ("AA", "DL", "UA", "New York"), (1, 2, 5, 12)
_FUNCTIONS = {"Relu", "LeakyRelu", "Tanh", "Sigmoid", "Gelu"}
ACTIVATIONS = ("Relu", "LeakyRelu", "Tanh", "Sigmoid", "Gelu", None)


_erf = np.vectorize(math.erf, otypes=[np.float64])


class Gelu(OpRun):
    """Gelu by its definition. That of onnx.reference has its constants in float32, also for float64."""

    def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
        if approximate == "tanh":
            phi = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        else:
            phi = 0.5 * (1 + _erf(x * math.sqrt(0.5)))
        return ((x * phi).astype(x.dtype),)


@dataclass
class Builder:
    """A graph that grows node by node; `draw` chooses how each step is written."""

    draw: random.Random
    dtype: Any = np.float64
    opset: int = 20
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[ValueInfoProto] = field(default_factory=list)
    count: int = 0

    @property
    def float(self) -> int:
        return int(TensorProto.FLOAT if self.dtype is np.float32 else TensorProto.DOUBLE)

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        output = self.name()
        self.nodes.append(helper.make_node(op, inputs, [output], f"{op}_{output}", domain=domain, **attributes))
        return output

    def constant(self, array: Any, dtype: Any = None) -> str:
        """An initializer, as raw bytes or as numbers, or a Constant."""
        name, values = self.name(), np.asarray(array, dtype or self.dtype)
        tensor = numpy_helper.from_array(values, name)
        if self.draw.random() < 0.3:
            tensor = helper.make_tensor(name, tensor.data_type, values.shape, values.ravel().tolist())
        if self.draw.random() < 0.3:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.constants.append(tensor)
        return name

    def input(self, name: str, kind: int, width: int) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, [self.draw.choice(["N", None, 7]), width]))
        return name

    def model(self, outputs: Sequence[ValueInfoProto]) -> ModelProto:
        graph = helper.make_graph(self.nodes, "made", self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(ML, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


@dataclass
class Case:
    """A graph, n orders as rows of values, and the value of the graph that holds the logits."""

    model: ModelProto
    rows: list[tuple[Any, ...]]
    logits: str
    score: str
    names: tuple[str, ...] = ()


def random_graph(seed: int, dtype: Any = np.float64) -> Case:
    """A graph of up to four layers with a preparation, in a style that the seed chooses."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    build = Builder(draw, dtype)
    columns, width, rows, names = _columns(build, rng)
    if draw.random() < 0.7:
        columns = _standardized(build, rng, columns, width)
    value = _beside(build, columns, width)
    for _ in range(draw.randint(0, 3)):
        units = draw.randint(1, 5)
        value = _activation(build, _layer(build, rng, value, width, units))
        value, width = _beside(build, value, units), units
    style = draw.choice(["logit", "sigmoid", "softmax", "classifier"])
    logits = _layer(build, rng, value, width, 2 if style == "softmax" else 1)
    score, outputs = _head(build, logits, style)
    return Case(build.model(outputs), rows, logits, score, names)


def _columns(build: Builder, rng: Any) -> tuple[str, int, list[tuple[Any, ...]], tuple[str, ...]]:
    """The columns before they are standardized, how many there are, and rows of the inputs; names where the graph has none."""
    draw, orders = build.draw, 9
    numbers = draw.randint(1, 5)
    x = rng.normal(3, 4, (orders, numbers)).astype(build.dtype).astype(np.float64)
    fills = rng.normal(size=numbers) if draw.random() < 0.4 else None
    by_column = draw.random() < 0.5
    if by_column:
        value = build.node("Concat", *(build.input(f"c{at}", build.float, 1) for at in range(numbers)), axis=1)
    else:
        value = build.input("x", build.float, numbers)
    rows = [list(row) for row in x.tolist()]
    if fills is not None:
        value = build.node("Imputer", value, domain=ML, imputed_value_floats=fills.tolist(), replaced_value_float=float("nan"))
        for row in rows:
            row[draw.randrange(numbers)] = None
    width, parts = numbers, [value]
    for name, kind, categories in (("carrier", TensorProto.STRING, CARRIERS), ("month", TensorProto.INT64, MONTHS)):
        if not by_column or draw.random() < 0.5:
            continue
        key = "cats_strings" if kind == TensorProto.STRING else "cats_int64s"
        encoded = build.node("OneHotEncoder", build.input(name, kind, 1), domain=ML, zeros=1, **{key: list(categories)})
        if draw.random() < 0.5:
            encoded = build.node("Reshape", encoded, build.constant([-1, len(categories)], np.int64))
        else:
            encoded = build.node("Flatten", encoded, axis=1)
        parts.append(build.node("Cast", encoded, to=build.float))
        width += len(categories)
        unknown = "ZZ" if kind == TensorProto.STRING else 7
        for row in rows:
            row.append(draw.choice([*categories, unknown]))
    if len(parts) > 1:
        value = build.node("Concat", *parts, axis=draw.choice([1, -1]))
    elif draw.random() < 0.3:
        chosen = draw.sample(range(numbers), numbers)
        if draw.random() < 0.5:
            value = build.node("Gather", value, build.constant(chosen, np.int64), axis=1)
        else:
            value = build.node("ArrayFeatureExtractor", value, build.constant(chosen, np.int64), domain=ML)
    given = () if by_column else tuple(f"n{at}" for at in range(numbers))
    return value, width, [tuple(row) for row in rows], given


def _standardized(build: Builder, rng: Any, value: str, width: int) -> str:
    mean, scale = rng.normal(3, 1, width), rng.uniform(0.5, 3, width)
    style = build.draw.choice(["scaler", "divide", "subtract", "both", "twice"])
    if style == "scaler":
        return build.node("Scaler", value, domain=ML, offset=mean.tolist(), scale=(1 / scale).tolist())
    if style != "divide":
        value = build.node("Sub", value, build.constant(build.draw.choice([mean, mean[np.newaxis], mean[0]])))
    if style != "subtract":
        value = build.node("Div", value, build.constant(scale))
    return _standardized(build, rng, value, width) if style == "twice" else value


def _beside(build: Builder, value: str, width: int) -> str:
    """The same value through a node that changes nothing, or none."""
    choice = build.draw.randrange(8)
    if choice == 0:
        return build.node("Identity", value)
    if choice == 1:
        return build.node("Cast", value, to=build.float)
    if choice == 2:
        return build.node("Flatten", value)
    if choice == 3:
        return build.node("Reshape", value, build.constant(build.draw.choice([[-1, width], [0, -1], [0, width]]), np.int64))
    return value


def _layer(build: Builder, rng: Any, value: str, width: int, units: int) -> str:
    weights, bias = rng.normal(size=(width, units)), rng.normal(size=units)
    style = build.draw.choice(["gemm", "gemm_t", "gemm_scaled", "matmul", "transpose", "matmul_alone", "gemm_alone"])
    if style.startswith("gemm"):
        across = style == "gemm_t"
        scaled = {"alpha": 0.75, "beta": -0.3} if style == "gemm_scaled" else {}
        given = [build.constant(weights.T if across else weights)]
        given += [] if style == "gemm_alone" else [build.constant(build.draw.choice([bias, bias[np.newaxis], bias[0]]))]
        return build.node("Gemm", value, *given, transB=int(across), **scaled)
    if style == "transpose":
        kernel = build.node("Transpose", build.constant(weights.T), perm=[1, 0])
    else:
        kernel = build.constant(weights)
    value = build.node("MatMul", value, kernel)
    if style == "matmul_alone":
        return value
    pair = [value, build.constant(build.draw.choice([bias, bias[np.newaxis], bias[:1]]))]
    return build.node("Add", *(pair if build.draw.random() < 0.5 else reversed(pair)))


def _activation(build: Builder, value: str) -> str:
    name = build.draw.choice(ACTIVATIONS)
    if name is None:
        return value
    attributes: dict[str, Any] = {}
    if name == "LeakyRelu":
        attributes = build.draw.choice([{}, {"alpha": 0.2}, {"alpha": 0.3}])
    if name == "Gelu":
        attributes = build.draw.choice([{}, {"approximate": "none"}, {"approximate": "tanh"}])
    return build.node(name, value, **attributes)


def _head(build: Builder, logits: str, style: str) -> tuple[str, list[ValueInfoProto]]:
    """The value with the score, and the outputs of the graph."""
    if style == "logit":
        score = build.node("Identity", logits)
    elif style == "softmax":
        score = build.node("Softmax", logits, axis=build.draw.choice([1, -1]))
    else:
        score = build.node("Sigmoid", logits)
    outputs = []
    if style == "sigmoid" and build.draw.random() < 0.3:
        score = build.node("Squeeze", score, build.constant([1], np.int64))
    if style == "classifier":
        other = build.node("Sub", build.constant(1.0), score)
        score = build.node("Concat", other, score, axis=1)
    if style in ("classifier", "softmax") and build.draw.random() < 0.6:
        place = build.node("ArgMax", score, axis=1)
        label = build.node("ArrayFeatureExtractor", build.constant([0, 1], np.int64), place, domain=ML)
        label = build.node("Cast", build.node("Reshape", label, build.constant([-1], np.int64)), to=TensorProto.INT64)
        outputs.append(helper.make_tensor_value_info(label, TensorProto.INT64, [None]))
    if style == "classifier" and build.draw.random() < 0.3:
        label = build.node("Binarizer", score, domain=ML, threshold=0.5)
        outputs.append(helper.make_tensor_value_info(label, build.float, None))
    if style in ("classifier", "softmax") and build.draw.random() < 0.3:
        named = build.node("ZipMap", score, domain=ML, classlabels_strings=["in time", "late"])
        of = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(build.float, None))
        return score, [*outputs, helper.make_value_info(named, helper.make_sequence_type_proto(of))]
    return score, [*outputs, helper.make_tensor_value_info(score, build.float, None)]


def feeds(model: ModelProto, rows: Sequence[Sequence[Any]]) -> dict[str, Array]:
    """The inputs of a graph for these rows of orders, None as NaN."""
    types = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.INT64: np.int64}
    found, at = {}, 0
    for each in model.graph.input:
        of = each.type.tensor_type
        width = (of.shape.dim[1].dim_value or len(rows[0]) - at) if len(of.shape.dim) > 1 else 1
        table = [[np.nan if value is None else value for value in row[at : at + width]] for row in rows]
        array = np.array(table, types.get(of.elem_type, object))
        found[each.name] = array if len(of.shape.dim) > 1 else array[:, 0]
        at += width
    return found


def evaluated(model: ModelProto, rows: Sequence[Sequence[Any]], *values: str) -> list[Array]:
    """What onnx.reference computes for these values of a graph, from the nodes that they need alone."""
    exposed = ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    kept, needed = [], set(values)
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.insert(0, node)
            needed.update(node.input)
    del exposed.graph.node[:]
    exposed.graph.node.extend(kept)
    exposed.graph.output.extend(helper.make_tensor_value_info(each, TensorProto.DOUBLE, None) for each in values)
    with np.errstate(all="ignore"):
        return [np.asarray(each) for each in ReferenceEvaluator(exposed, new_ops=[Gelu]).run(None, feeds(model, rows))]


def in_double(model: ModelProto) -> ModelProto:
    """The same graph with all its float32 numbers as float64."""
    wide = ModelProto()
    wide.CopyFrom(model)
    for each in (*wide.graph.input, *wide.graph.output):
        if each.type.tensor_type.elem_type == TensorProto.FLOAT:
            each.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in wide.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for tensor in _tensors(wide):
        if tensor.data_type == TensorProto.FLOAT:
            _set(tensor, numpy_helper.to_array(tensor).astype(np.float64))
    return wide


def magnitudes(model: ModelProto, rows: Sequence[Sequence[Any]], logits: str) -> Array:
    """(n,): what a logit is if all that is added up has the same sign, and activations keep what is over 1.

    Rounding is relative to it, however much of a sum cancels.
    """
    same = in_double(model)
    for tensor in _tensors(same):
        if tensor.data_type == TensorProto.DOUBLE:
            _set(tensor, np.abs(numpy_helper.to_array(tensor)))
    one = numpy_helper.from_array(np.float64(1.0), "one of magnitudes")
    same.graph.initializer.append(one)
    for node in same.graph.node:
        if node.op_type == "Sub":
            node.op_type = "Add"
        elif node.op_type in _FUNCTIONS:
            node.CopyFrom(helper.make_node("Max", [node.input[0], one.name], node.output))
        for attribute in node.attribute:
            if attribute.type == AttributeProto.FLOATS:
                attribute.floats[:] = [-abs(each) if attribute.name == "offset" else abs(each) for each in attribute.floats]
            elif attribute.name == "beta":
                attribute.f = abs(attribute.f)
    positive = [[abs(each) if isinstance(each, float) else each for each in row] for row in rows]
    found: Array = evaluated(same, positive, logits)[0].reshape(len(rows), -1).sum(axis=1)
    return found


def _set(tensor: TensorProto, array: Array) -> None:
    """Give a tensor this array; its name, which a mutant may have made unreadable, stays."""
    made = numpy_helper.from_array(array)
    for name in ("float_data", "double_data", "raw_data"):
        tensor.ClearField(name)
    tensor.data_type, tensor.raw_data = made.data_type, made.raw_data


def _tensors(model: ModelProto) -> list[TensorProto]:
    attributes = (each for node in model.graph.node for each in node.attribute)
    return [*model.graph.initializer, *(each.t for each in attributes if each.type == AttributeProto.TENSOR)]
