"""Mutants of ONNX files: bytes that are changed, cut or put in, and edits of the graph that keep it a protobuf."""

import random
from collections.abc import Callable
from typing import Any

from onnx import AttributeProto, ModelProto, TensorProto

OPERATORS = (
    *("Add", "ArgMax", "Cast", "Concat", "Div", "Flatten", "Gather", "Gemm", "Identity", "LeakyRelu", "MatMul", "Mul", "Relu"),
    *("Reshape", "Sigmoid", "Softmax", "Squeeze", "Sub", "Tanh", "Transpose", "ConstantOfShape", "Expand", "Erf", "Pow"),
)
NUMBERS = (0, 1, -1, 2, 3, 7, 2**31, -(2**63), 2**62)
REALS = (0.0, 1.0, -1.0, 0.5, 2.0, float("nan"), float("inf"), 1e-45, 3e38)


def mutant(data: bytes, draw: random.Random) -> bytes:
    """The bytes with one to three changes."""
    for _ in range(draw.choice([1, 1, 2, 3])):
        data = draw.choice(_OF_BYTES if draw.random() < 0.4 else [_edited])(data, draw)
    return data


def _flipped(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) or 1)
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :] if data else data


def _set(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) or 1)
    return data[:at] + bytes([draw.choice([0, 1, 0x7F, 0x80, 0xFF])]) + data[at + 1 :]


def _cut(data: bytes, draw: random.Random) -> bytes:
    begin, end = sorted(draw.randrange(len(data) + 1) for _ in "ab")
    return data[:begin] if draw.random() < 0.5 else data[:begin] + data[min(end, begin + 9) :]


def _put_in(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.randbytes(draw.randint(1, 9)) + data[at:]


def _doubled(data: bytes, draw: random.Random) -> bytes:
    begin, end = sorted(draw.randrange(len(data) + 1) for _ in "ab")
    return data[:end] + data[begin:]


_OF_BYTES = [_flipped, _flipped, _set, _cut, _put_in, _doubled]


def _edited(data: bytes, draw: random.Random) -> bytes:
    """One edit of the graph; bytes that are no protobuf any more stay as they are."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
        draw.choice(_EDITS)(model, draw)
        return model.SerializeToString()
    except Exception:  # what protobuf or an empty list raises
        return data


def _names(model: ModelProto) -> list[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output]
    return [*made, *(each.name for each in graph.input), *(each.name for each in graph.initializer)]


def _other_input(model: ModelProto, draw: random.Random) -> None:
    node = draw.choice(model.graph.node)
    node.input[draw.randrange(len(node.input))] = draw.choice(_names(model))


def _swapped_inputs(model: ModelProto, draw: random.Random) -> None:
    node = draw.choice(model.graph.node)
    node.input[:] = draw.sample(list(node.input), len(node.input))


def _another_number_of_inputs(model: ModelProto, draw: random.Random) -> None:
    node = draw.choice(model.graph.node)
    node.input[:] = draw.choice([[*node.input, draw.choice(_names(model))], node.input[:-1], ["", *node.input[1:]]])


def _other_operator(model: ModelProto, draw: random.Random) -> None:
    draw.choice(model.graph.node).op_type = draw.choice(OPERATORS)


def _bypassed(model: ModelProto, draw: random.Random) -> None:
    """A node is taken out; those after it take what it took."""
    node = draw.choice(model.graph.node)
    output, given = node.output[0], node.input[0]
    model.graph.node.remove(node)
    for each in model.graph.node:
        each.input[:] = [given if name == output else name for name in each.input]


def _repeated(model: ModelProto, draw: random.Random) -> None:
    """A node is done twice, one after the other."""
    at = draw.randrange(len(model.graph.node))
    again = type(model.graph.node[at])()
    again.CopyFrom(model.graph.node[at])
    output = again.output[0]
    again.output[0] = f"{output} again"
    later = [*model.graph.node][at + 1 :]
    for each in later:
        each.input[:] = [again.output[0] if name == output else name for name in each.input]
    again.input[0] = output
    nodes = [*[*model.graph.node][: at + 1], again, *later]
    kept = [type(again).FromString(each.SerializeToString()) for each in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _moved(model: ModelProto, draw: random.Random) -> None:
    nodes = [type(each).FromString(each.SerializeToString()) for each in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(draw.sample(nodes, len(nodes)) if draw.random() < 0.2 else nodes[1:] + nodes[:1])


def _other_attribute(model: ModelProto, draw: random.Random) -> None:
    attribute = draw.choice([each for node in model.graph.node for each in node.attribute])
    if attribute.type == AttributeProto.INT:
        attribute.i = draw.choice(NUMBERS)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = draw.choice(REALS)
    elif attribute.type == AttributeProto.FLOATS:
        attribute.floats[draw.randrange(len(attribute.floats))] = draw.choice(REALS)
    elif attribute.type == AttributeProto.INTS:
        attribute.ints.append(draw.choice(NUMBERS))
    else:
        attribute.type = draw.randrange(15)


def _lost_attribute(model: ModelProto, draw: random.Random) -> None:
    node = draw.choice([each for each in model.graph.node if each.attribute])
    del node.attribute[draw.randrange(len(node.attribute))]


def _other_dims(model: ModelProto, draw: random.Random) -> None:
    tensor = draw.choice(model.graph.initializer)
    tensor.dims[:] = draw.choice(
        [
            list(reversed(tensor.dims)),
            [*tensor.dims, 1],
            [1, *tensor.dims],
            tensor.dims[1:],
            [draw.choice(NUMBERS), *tensor.dims],
        ]
    )


def _other_type(model: ModelProto, draw: random.Random) -> None:
    draw.choice(model.graph.initializer).data_type = draw.choice([1, 6, 7, 8, 10, 11, 16, 99])


def _other_numbers(model: ModelProto, draw: random.Random) -> None:
    """A tensor with the data of another one."""
    one, other = draw.choice(model.graph.initializer), draw.choice(model.graph.initializer)
    copy = TensorProto.FromString(other.SerializeToString())
    copy.name = one.name
    one.CopyFrom(copy)


def _outside(model: ModelProto, draw: random.Random) -> None:
    tensor = draw.choice(model.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _other_shape(model: ModelProto, draw: random.Random) -> None:
    of = draw.choice(model.graph.input).type.tensor_type
    if draw.random() < 0.5:
        of.elem_type = draw.choice([1, 6, 7, 8, 9, 11])
    else:
        of.shape.dim[draw.randrange(len(of.shape.dim))].dim_value = draw.choice(NUMBERS)


def _other_output(model: ModelProto, draw: random.Random) -> None:
    draw.choice(model.graph.output).name = draw.choice(_names(model))


def _other_opset(model: ModelProto, draw: random.Random) -> None:
    draw.choice(model.opset_import).version = draw.choice([1, 6, 7, 11, 12, 13, 18, 22, 99])


_EDITS: list[Callable[[ModelProto, random.Random], Any]] = [
    *(_other_input, _swapped_inputs, _another_number_of_inputs, _other_operator, _bypassed, _repeated, _moved),
    *(_other_attribute, _lost_attribute, _other_dims, _other_type, _other_numbers, _outside, _other_shape, _other_output),
    _other_opset,
]
