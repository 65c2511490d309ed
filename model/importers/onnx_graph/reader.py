"""Reads an ONNX file: what its nodes make of the columns of an order, up to the score."""

from collections.abc import Sequence

import numpy as np

from model.errors import BadGraph, ModelError, TooLarge
from model.importers.onnx_graph import features as made
from model.importers.onnx_graph import graph as onnx_file
from model.importers.onnx_graph.graph import Graph, shown
from model.importers.onnx_graph.operators import OPERATORS
from model.importers.onnx_graph.values import Call, Found, Named, Net, Pair, Value, numbers
from model.importers.training import Training

LIMIT = 64 * 2**20
_ONE_PATH = "expected one path from the inputs to one score"
_ENDS_IN_SUMS = "the network ends in sums; --head sigmoid adds the sigmoid that a training script applies to them"
_HINTS = {
    "BatchNormalization": "fold it into the layer before it and export again",
    "Erf": "export with opset_version=20, which has Gelu",
    "ai.onnx.ml.LinearClassifier": "save coef_ and intercept_ as w1 and b1 of an .npz",
}


def read(name: str, content: bytes, names: tuple[str, ...] = ()) -> Training:
    """The network in the bytes of the ONNX file of this name, whose columns have the given names. Raises ModelError."""
    if len(content) > LIMIT:
        raise TooLarge(name, f"over {LIMIT} bytes")
    try:
        graph = onnx_file.read(content)
    except ModelError as error:
        if error.location != "file":
            raise
        raise type(error)(name, f"{error.reason}; expected an ONNX file") from error
    inputs = made.inputs_of(graph.inputs, names)
    found = Found()
    score = _score(graph, _values(graph, inputs, found))
    return _training(score, inputs.names, found)


def _values(graph: Graph, inputs: made.GraphColumns, found: Found) -> dict[str, Value]:
    """The values of a graph by name. Raises ModelError."""
    values: dict[str, Value] = {**graph.constants, **inputs.values}
    used = set(graph.outputs)
    for node in graph.nodes:
        if node.operator not in OPERATORS:
            hint = _HINTS.get(node.operator, f"expected only {', '.join(OPERATORS)}")
            raise node.error(f"no part of a network that can be imported; {hint}")
        if missing := [each for each in node.inputs if each and each not in values]:
            raise node.error(f"takes {shown(missing[0])}, which no node before it makes")
        if len(node.outputs) != 1:
            raise node.error("expected one output")
        used.update(node.inputs)
        given = tuple(values[each] if each else None for each in node.inputs)
        values[node.outputs[0]] = OPERATORS[node.operator](Call(node, given, graph.opset, found))
    for each in graph.inputs:
        if each.name not in used:
            raise BadGraph(f"input {shown(each.name)}", f"no node takes it; {_ONE_PATH}")
    for node in graph.nodes:
        if node.outputs[0] not in used and not isinstance(values[node.outputs[0]], np.ndarray | tuple):
            raise node.error(f"nothing takes its output; {_ONE_PATH}")
    return values


def _score(graph: Graph, values: dict[str, Value]) -> Net:
    """The network whose output is the one score among the outputs of the graph. Raises BadGraph."""
    found: list[Net] = []
    for name in graph.outputs:
        match values.get(name):
            case None:
                raise BadGraph(f"output {shown(name)}", "no node makes it")
            case Pair(of) | Named(of) | (Net() as of):
                if all(of.layers is not each.layers for each in found):
                    found.append(of)
    if len(found) != 1:
        raise BadGraph("outputs", f"{len(found)} of them are the output of a layer or a score; {_ONE_PATH}")
    return found[0]


def _training(score: Net, names: Sequence[str], found: Found) -> Training:
    columns, last = score.columns, score.last
    prepared = made.features_of(columns.columns, names)
    arrays = {"mean": numbers(columns, "mean"), "scale": numbers(columns, "scale")}
    for number, layer in enumerate(score.layers, 1):
        bias = np.zeros(len(layer.weights)) if layer.bias is None else layer.bias
        arrays |= {f"w{number}": layer.weights, f"b{number}": bias}
    activations = [each.activation or "linear" for each in score.layers]
    head = "sigmoid" if last.activation == "sigmoid" else "identity"
    if head == "sigmoid":
        activations[-1] = "linear"
    return Training(
        names=prepared.names,
        arrays=arrays,
        activations=tuple(activations),
        head=head,
        inputs=prepared.inputs,
        features=prepared.features,
        remarks=(*_of_classes(found), *([_ENDS_IN_SUMS] if head == "identity" else [])),
        warnings=tuple(found.warnings),
        provenance={"positive_class": shown(found.classes[1])} if found.classes else {},
    )


def _of_classes(found: Found) -> list[str]:
    """Whose score it is, where the graph has two classes."""
    if not found.classes:
        return ["the score is that of the second of two classes"] if found.second_of_two else []
    negative, positive = map(shown, found.classes)
    return [f"the score is that of class {positive}; the other class is {negative}"]
