"""Graphs that are no network of a model are rejected by the name of a node, an input or a tensor."""

import sys

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from model.errors import BadArray, BadGraph, BadManifest, BadNode, NotInstalled, ScaleNotPositive, TooLarge, Unreadable
from tests.model_files import SECRET_NUMBER, SECRET_TEXT, rejects
from tests.onnx_files import EXPORTED, imported
from tests.onnx_graphs import ML

FLOAT, INT, STRING = TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
W1, B1 = np.full((2, 3), 0.5), np.zeros(3)
W2, B2 = np.full((3, 1), 0.25), np.zeros(1)
NAMES = ("backlog", "wind")


def node(name, op, inputs, output, domain="", **attributes):
    return helper.make_node(op, inputs, [output], name, domain=domain, **attributes)


def value(name, kind=FLOAT, shape=(None, 2)):
    return helper.make_tensor_value_info(name, kind, shape)


HIDDEN = (node("first", "Gemm", ["x", "w1", "b1"], "h1"), node("relu", "Relu", ["h1"], "h2"))
LAST = (node("last", "Gemm", ["h2", "w2", "b2"], "logit"), node("end", "Sigmoid", ["logit"], "p"))


def graph(*nodes, inputs=(), outputs=("p",), opset=20, **constants):
    """A graph of these nodes, by default with the input x of two columns and weights of two layers."""
    arrays = {"w1": W1, "b1": B1, "w2": W2, "b2": B2} | constants
    tensors = [each if isinstance(each, TensorProto) else numpy_helper.from_array(each, name) for name, each in arrays.items()]
    made = helper.make_graph(nodes, "made", inputs or [value("x")], [value(each, FLOAT, None) for each in outputs], tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML, 3)], ir_version=9)


def before(*nodes, **more):
    """A graph with these nodes before its first layer; they take x, and the last one makes z."""
    return graph(*nodes, node("first", "Gemm", ["z", "w1", "b1"], "h1"), HIDDEN[1], *LAST, **more)


def between(*nodes, **more):
    """A graph with these nodes between its two layers; they take h2, and the last one makes z."""
    last = node("last", "Gemm", ["z", "w2", "b2"], "logit")
    return graph(*HIDDEN, *nodes, last, LAST[1], **more)


def after(*nodes, outputs=("z",), **more):
    """A graph with these nodes after its score p."""
    return graph(*HIDDEN, *LAST, *nodes, outputs=outputs, **more)


def odd(name, op, inputs=("x",), **attributes):
    return node(name, op, list(inputs), "z", **attributes)


def ml(name, op, inputs=("x",), **attributes):
    return odd(name, op, inputs, domain=ML, **attributes)


TWO, THREE, ONE = np.ones(2), np.ones(3), np.array([1.0])
PLACES = np.array([0, 1])
TEXTS = [value("x", STRING)]
INTEGERS = [value("x", INT)]
NAN = float("nan")
NODES = {
    "an operator of another kind": (before(odd("odd", "LSTM")), "odd", "LSTM"),
    "an operator of its own": (before(odd("odd", "Relu", domain="com.acme")), "odd", "com.acme.Relu"),
    "a convolution": (between(odd("odd", "Conv", ("h2", "w2"))), "odd", "Conv"),
    "a normalization": (between(odd("odd", "BatchNormalization", ("h2", "b1", "b1", "b1", "b1"))), "odd", "BatchNormalization"),
    "numbers made of a shape": (before(odd("odd", "ConstantOfShape", ("places",)), places=PLACES), "odd", "ConstantOfShape"),
    "numbers that are repeated": (before(odd("odd", "Expand", ("x", "places")), places=PLACES), "odd", "Expand"),
    "random numbers": (before(odd("odd", "RandomNormal", (), shape=[2, 2])), "odd", "RandomNormal"),
    "a product with itself": (between(odd("odd", "Mul", ("h2", "h2"))), "odd", "Mul"),
    "a residual sum": (between(odd("odd", "Add", ("h2", "h1"))), "odd", "Add"),
    "a difference of layers": (between(odd("odd", "Sub", ("h2", "h1"))), "odd", "Sub"),
    "an old Gelu": (between(odd("odd", "Div", ("h2", "root")), root=np.array(1.4142)), "odd", "Div"),
    "a second activation": (between(odd("odd", "Tanh", ("h2",))), "odd", "Tanh"),
    "an activation of columns": (before(odd("odd", "Relu")), "odd", "Relu"),
    "a second bias": (between(odd("odd", "Add", ("h2", "b1"))), "odd", "Add"),
    "a bias for another width": (
        graph(node("m", "MatMul", ["x", "w1"], "m"), node("odd", "Add", ["m", "b"], "h1"), HIDDEN[1], *LAST, b=TWO),
        "odd",
        "Add",
    ),
    "a bias for each order": (
        graph(node("odd", "Gemm", ["x", "w1", "b"], "h1"), HIDDEN[1], *LAST, b=np.ones((4, 3))),
        "odd",
        "Gemm",
    ),
    "weights on the left": (graph(node("odd", "MatMul", ["w1", "x"], "h1"), HIDDEN[1], *LAST), "odd", "MatMul"),
    "weights of another width": (graph(node("odd", "MatMul", ["x", "w2"], "h1"), HIDDEN[1], *LAST), "odd", "MatMul"),
    "weights of one dimension": (graph(node("odd", "MatMul", ["x", "b"], "h1"), HIDDEN[1], *LAST, b=TWO), "odd", "MatMul"),
    "weights of integers": (
        graph(node("odd", "MatMul", ["x", "w"], "h1"), HIDDEN[1], *LAST, w=np.ones((2, 3), np.int64)),
        "odd",
        "MatMul",
    ),
    "columns that are turned": (
        graph(node("odd", "Gemm", ["x", "w1", "b1"], "h1", transA=1), HIDDEN[1], *LAST),
        "odd",
        "Gemm",
    ),
    "weights that are not finite": (
        graph(node("odd", "Gemm", ["x", "w", "b1"], "h1"), HIDDEN[1], *LAST, w=np.full((2, 3), np.inf)),
        "odd",
        "Gemm",
    ),
    "an attribute of an old version": (between(odd("odd", "Gemm", ("h2", "w", "b1"), broadcast=1), w=np.eye(3)), "odd", "Gemm"),
    "an attribute of another type": (between(odd("odd", "Gemm", ("h2", "w", "b1"), alpha=2), w=np.eye(3)), "odd", "Gemm"),
    "a slope over 1": (
        graph(HIDDEN[0], node("odd", "LeakyRelu", ["h1"], "h2", alpha=1.5), *LAST),
        "odd",
        "LeakyRelu",
    ),
    "a slope below 0": (graph(HIDDEN[0], node("odd", "LeakyRelu", ["h1"], "h2", alpha=-0.1), *LAST), "odd", "LeakyRelu"),
    "a slope that is no number": (
        graph(HIDDEN[0], node("odd", "LeakyRelu", ["h1"], "h2", alpha=NAN), *LAST),
        "odd",
        "LeakyRelu",
    ),
    "another Gelu": (graph(HIDDEN[0], node("odd", "Gelu", ["h1"], "h2", approximate="fast"), *LAST), "odd", "Gelu"),
    "a softmax of three classes": (graph(HIDDEN[0], node("odd", "Softmax", ["h1"], "p")), "odd", "Softmax"),
    "a softmax of the orders": (
        graph(*HIDDEN, node("l", "MatMul", ["h2", "w"], "l"), node("odd", "Softmax", ["l"], "p", axis=0), w=np.ones((3, 2))),
        "odd",
        "Softmax",
    ),
    "a softmax between layers": (
        graph(
            node("l", "MatMul", ["x", "w"], "l"),
            node("s", "Softmax", ["l"], "h"),
            node("odd", "Gemm", ["h", "w1", "b1"], "h1"),
            HIDDEN[1],
            *LAST,
            w=np.eye(2),
        ),
        "odd",
        "Gemm",
    ),
    "a scaler with integers": (before(odd("odd", "Sub", ("x", "m")), m=PLACES), "odd", "Sub"),
    "a scaler of another width": (before(odd("odd", "Sub", ("x", "m")), m=THREE), "odd", "Sub"),
    "a scaler after a layer": (between(odd("odd", "Sub", ("h2", "b1"))), "odd", "Sub"),
    "a mean minus the columns": (before(odd("odd", "Sub", ("m", "x")), m=TWO), "odd", "Sub"),
    "Scaler of another width": (before(ml("odd", "Scaler", offset=[1.0] * 3, scale=[1.0] * 3)), "odd", "ai.onnx.ml.Scaler"),
    "columns of integers": (graph(*HIDDEN, *LAST, inputs=INTEGERS), "first", "Gemm"),
    "integers that are divided": (before(odd("odd", "Div", ("x", "m")), m=TWO, inputs=INTEGERS), "odd", "Div"),
    "columns of texts": (graph(*HIDDEN, *LAST, inputs=TEXTS), "first", "Gemm"),
    "numbers cut to integers": (before(odd("odd", "Cast", to=INT)), "odd", "Cast"),
    "numbers of half precision": (before(odd("odd", "Cast", to=TensorProto.FLOAT16)), "odd", "Cast"),
    "texts read as numbers": (before(odd("odd", "Cast", to=FLOAT), inputs=TEXTS), "odd", "Cast"),
    "a value in place of zeros": (
        before(ml("odd", "Imputer", imputed_value_floats=[1.0], replaced_value_float=0.0)),
        "odd",
        "ai.onnx.ml.Imputer",
    ),
    "no value in place of gaps": (
        before(ml("odd", "Imputer", imputed_value_floats=[NAN], replaced_value_float=NAN)),
        "odd",
        "ai.onnx.ml.Imputer",
    ),
    "gaps filled after a scaler": (
        before(
            node("sub", "Sub", ["x", "m"], "s"),
            ml("odd", "Imputer", ["s"], imputed_value_floats=[1.0], replaced_value_float=NAN),
            m=TWO,
        ),
        "odd",
        "ai.onnx.ml.Imputer",
    ),
    "categories of numbers": (before(ml("odd", "OneHotEncoder", cats_int64s=[1, 2])), "odd", "ai.onnx.ml.OneHotEncoder"),
    "texts as integers": (
        before(ml("odd", "OneHotEncoder", cats_int64s=[1, 2]), inputs=TEXTS),
        "odd",
        "ai.onnx.ml.OneHotEncoder",
    ),
    "a category twice": (
        before(ml("odd", "OneHotEncoder", cats_strings=[SECRET_TEXT] * 2), inputs=TEXTS),
        "odd",
        "ai.onnx.ml.OneHotEncoder",
    ),
    "integers of which all are known": (
        before(ml("odd", "OneHotEncoder", cats_int64s=[1, 2], zeros=0), inputs=INTEGERS),
        "odd",
        "ai.onnx.ml.OneHotEncoder",
    ),
    "a table of categories as columns": (
        graph(
            ml("hot", "OneHotEncoder", cats_strings=["a", "b"]),
            node("odd", "MatMul", ["z", "w1"], "h1"),
            HIDDEN[1],
            *LAST,
            inputs=TEXTS,
        ),
        "odd",
        "MatMul",
    ),
    "a column that is not there": (before(odd("odd", "Gather", ("x", "at"), axis=1), at=np.array([0, 2])), "odd", "Gather"),
    "orders that are chosen": (before(odd("odd", "Gather", ("x", "at"), axis=0), at=PLACES), "odd", "Gather"),
    "orders below each other": (before(odd("odd", "Concat", ("x", "x"), axis=0)), "odd", "Concat"),
    "a column of one dimension beside others": (
        before(odd("odd", "Concat", ("x", "y"), axis=-1), inputs=[value("x", shape=(None, 1)), value("y", shape=(None,))]),
        "odd",
        "Concat",
    ),
    "columns and a layer": (between(odd("odd", "Concat", ("h2", "x"), axis=1)), "odd", "Concat"),
    "columns and numbers": (before(odd("odd", "Concat", ("x", "m"), axis=1), m=np.ones((1, 2))), "odd", "Concat"),
    "columns in other orders": (before(odd("odd", "Reshape", ("x", "s")), s=np.array([2, -1])), "odd", "Reshape"),
    "columns of several orders": (before(odd("odd", "Reshape", ("x", "s")), s=np.array([-1, 4])), "odd", "Reshape"),
    "a shape with two unknown": (before(odd("odd", "Reshape", ("x", "s")), s=np.array([-1, -1])), "odd", "Reshape"),
    "a shape of nothing": (before(odd("odd", "Reshape", ("x", "s")), s=np.array([0, 0])), "odd", "Reshape"),
    "orders in one row": (before(odd("odd", "Flatten", axis=0)), "odd", "Flatten"),
    "columns that are turned around": (before(odd("odd", "Transpose", perm=[1, 0])), "odd", "Transpose"),
    "another number minus the score": (after(odd("odd", "Sub", ("two", "p")), two=np.array([2.0])), "odd", "Sub"),
    "one minus a layer": (between(odd("odd", "Sub", ("one", "h2")), one=ONE), "odd", "Sub"),
    "the classes the other way round": (
        after(node("sub", "Sub", ["one", "p"], "q"), odd("odd", "Concat", ("p", "q"), axis=1), one=ONE),
        "odd",
        "Concat",
    ),
    "one minus another score beside the score": (
        after(
            node("other", "Sigmoid", ["logit"], "r"),
            node("sub", "Sub", ["one", "p"], "q"),
            odd("odd", "Concat", ("q", "r"), axis=1),
            one=ONE,
        ),
        "odd",
        "Concat",
    ),
    "an input of a later opset": (after(odd("odd", "Squeeze", ("p", "at")), at=np.array([1]), opset=11), "odd", "Squeeze"),
    "an attribute of no opset": (after(odd("odd", "ArgMax", ("p",), fast=1), outputs=("p", "z")), "odd", "ArgMax"),
    "an operator of a later opset": (
        graph(HIDDEN[0], node("odd", "Gelu", ["h1"], "h2"), *LAST, opset=19),
        "odd",
        "Gelu",
    ),
    "a label that is computed with": (
        after(node("max", "ArgMax", ["p"], "m"), odd("odd", "Sigmoid", ("m",))),
        "odd",
        "Sigmoid",
    ),
    "a score that is scaled": (after(odd("odd", "Div", ("p", "two")), two=np.array([2.0])), "odd", "Div"),
    "a value of no node": (before(odd("odd", "Identity", ("nothing",))), "odd", "Identity"),
    "a value of a later node": (graph(LAST[0], *HIDDEN, LAST[1]), "last", "Gemm"),
    "a dead end": (after(node("odd", "Identity", ["p"], "q"), outputs=("p",)), "odd", "Identity"),
    "two outputs of a node": (
        graph(*HIDDEN, LAST[0], helper.make_node("Sigmoid", ["logit"], ["p", "q"], "odd")),
        "odd",
        "Sigmoid",
    ),
    "a constant of two kinds": (before(odd("odd", "Constant", (), value_float=1.0, value_int=1)), "odd", "Constant"),
    "a constant text": (before(odd("odd", "Constant", (), value_string="text")), "odd", "Constant"),
    "a node without a name": (before(odd("", "LSTM")), "0", "LSTM"),
}


@pytest.mark.parametrize(("made", "name", "operator"), NODES.values(), ids=NODES)
def test_a_graph_is_rejected_by_the_name_of_the_node_and_its_operator(made, name, operator, tmp_path):
    with rejects(BadNode, f"node {name}") as rejected:
        imported(made, tmp_path, NAMES)
    assert rejected.value.reason.startswith(f"{operator}: ")


def test_a_node_with_a_graph_of_its_own_is_rejected(tmp_path):
    branch = helper.make_graph([], "branch", [], [])
    with rejects(BadNode, "node odd") as rejected:
        imported(before(odd("odd", "If", ("x",), then_branch=branch, else_branch=branch)), tmp_path, NAMES)
    assert rejected.value.reason.startswith("If: attribute else_branch ")


def outside():
    tensor = numpy_helper.from_array(W1, "w1")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    tensor.ClearField("raw_data")
    return tensor


def with_tensor(**changes):
    tensor = numpy_helper.from_array(W1, "w1")
    for name, changed in changes.items():
        if name == "dims":
            tensor.dims[:] = changed
        else:
            setattr(tensor, name, changed)
    return graph(*HIDDEN, *LAST, w1=tensor)


TENSORS = {
    "data outside": (graph(*HIDDEN, *LAST, w1=outside()), "another file"),
    "more rows than data": (with_tensor(dims=[2**40, 3]), "dimensions"),
    "rows by the million": (with_tensor(dims=[2**30, 2**30]), "size"),
    "a row more": (with_tensor(dims=[3, 3]), "size"),
    "fewer rows": (with_tensor(dims=[1, 3]), "size"),
    "no rows": (with_tensor(dims=[0, 3]), "dimensions"),
    "rows below zero": (with_tensor(dims=[-2, -3]), "dimensions"),
    "many dimensions": (with_tensor(dims=[2, 3, *[1] * 70]), "dimensions"),
    "half precision": (with_tensor(data_type=TensorProto.FLOAT16), "expected float"),
    "an unknown type": (with_tensor(data_type=99), "expected float"),
    "texts": (with_tensor(data_type=STRING), "size"),
    "a byte less": (with_tensor(raw_data=W1.tobytes()[:-1]), "size"),
}


@pytest.mark.parametrize(("made", "reason"), TENSORS.values(), ids=TENSORS)
def test_a_tensor_is_rejected_by_its_name_before_an_array_is_made(made, reason, tmp_path):
    with rejects(BadArray, "initializer w1") as rejected:
        imported(made, tmp_path, NAMES)
    assert reason in rejected.value.reason


def test_a_tensor_of_a_constant_is_rejected_by_the_name_of_the_node(tmp_path):
    with rejects(BadArray, "node odd"):
        imported(before(odd("odd", "Constant", (), value=outside())), tmp_path, NAMES)


def functions():
    made = graph(*HIDDEN, *LAST)
    made.functions.add(name="Relu", domain="")
    return made


def opsets(*versions):
    made = graph(*HIDDEN, *LAST)
    del made.opset_import[:]
    made.opset_import.extend(helper.make_opsetid("", version) for version in versions)
    return made


def sparse():
    made = graph(*HIDDEN, *LAST)
    made.graph.sparse_initializer.add()
    return made


def logit_too():
    return graph(*HIDDEN, *LAST, outputs=("logit", "p"))


GRAPHS = {
    "functions of its own": (functions(), (), "functions"),
    "an old opset": (opsets(6), (), "opset"),
    "an opset of the future": (opsets(999), (), "opset"),
    "two opsets": (opsets(13, 20), (), "opset"),
    "no opset": (opsets(), (), "opset"),
    "sparse tensors": (sparse(), (), "initializers"),
    "a name twice": (graph(*HIDDEN, node("again", "Relu", ["h1"], "h2"), *LAST), NAMES, "value h2"),
    "two scores": (logit_too(), NAMES, "outputs"),
    "only a label": (after(node("max", "ArgMax", ["p"], "m"), outputs=("m",)), NAMES, "outputs"),
    "no output": (graph(*HIDDEN, *LAST, outputs=()), NAMES, "node end"),
    "an output that is not made": (graph(*HIDDEN, *LAST, outputs=("p", "q")), NAMES, "output q"),
    "an input that is not used": (graph(*HIDDEN, *LAST, inputs=[value("x"), value("y", shape=(1, 1))]), "abc", "input y"),
    "no names": (graph(*HIDDEN, *LAST), (), "input x"),
    "a name less": (graph(*HIDDEN, *LAST), ("a",), "inputs"),
    "a name more": (graph(*HIDDEN, *LAST), ("a", "b", "c"), "inputs"),
    "columns by the million": (graph(*HIDDEN, *LAST, inputs=[value("x", shape=(None, 2**40))]), (), "inputs"),
    "no columns": (graph(*HIDDEN, *LAST, inputs=[value("x", shape=(None, 0))]), (), "input x"),
    "columns below zero": (graph(*HIDDEN, *LAST, inputs=[value("x", shape=(None, -2))]), (), "input x"),
    "three dimensions": (graph(*HIDDEN, *LAST, inputs=[value("x", shape=(None, 1, 2))]), (), "input x"),
    "an image": (graph(*HIDDEN, *LAST, inputs=[value("x", TensorProto.UINT8)]), (), "input x"),
    "unknown columns without names": (graph(*HIDDEN, *LAST, inputs=[value("x", shape=(None, "F"))]), (), "input x"),
}


@pytest.mark.parametrize(("made", "names", "location"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph_of_another_form_is_rejected_by_its_part(made, names, location, tmp_path):
    error = BadNode if location.startswith("node") else BadGraph
    with rejects(error, location):
        imported(made, tmp_path, tuple(names))


def test_names_are_needed_twice_for_no_column(tmp_path):
    with rejects(BadManifest, "features"):
        imported(graph(*HIDDEN, *LAST), tmp_path, ("backlog", "backlog"))


def test_a_name_of_an_input_that_no_feature_may_have_asks_for_names(tmp_path):
    split = [value("wind mph", shape=(None, 1)), value("b", shape=(None, 1))]
    made = before(odd("join", "Concat", ("wind mph", "b"), axis=1), inputs=split)
    with rejects(BadManifest, "input wind mph") as rejected:
        imported(made, tmp_path)
    assert "--features" in rejected.value.reason
    assert imported(made, tmp_path, NAMES).manifest.input_names == NAMES


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e-310], ids=str)
def test_a_scale_that_is_not_positive_is_rejected_by_the_name_of_the_feature(scale, tmp_path):
    made = before(odd("div", "Div", ("x", "s")), s=np.array([1.0, scale]))
    with rejects(ScaleNotPositive, "scale") as rejected:
        imported(made, tmp_path, NAMES)
    assert "wind" in rejected.value.reason


def test_an_unprintable_name_is_escaped_and_cut(tmp_path):
    made = before(odd("\x1b[2J\n" + "a" * 500, "LS\u202eTM"))
    with pytest.raises(BadNode) as rejected:
        imported(made, tmp_path, NAMES)
    assert str(rejected.value).isprintable()
    assert "\\x1b[2J\\na" in str(rejected.value)
    assert len(rejected.value.location) < 80


def test_no_error_repeats_a_number(tmp_path):
    made = before(odd("odd", "Sub", ("x", "m")), m=np.full(3, SECRET_NUMBER))
    with rejects(BadNode, "node odd"):
        imported(made, tmp_path, NAMES)


DATA = (EXPORTED / "sklearn_double.onnx").read_bytes()
FILES = {
    "nothing": b"",
    "a text": b"feature_names,mean,scale\n",
    "a part": DATA[: len(DATA) // 2],
    "a byte less": DATA[:-1],
    "groups of an old protobuf": DATA + b"\x0b\x0c",
    "a field of number zero": DATA + b"\x00\x00",
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_that_is_no_graph_is_unreadable(data, tmp_path):
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises((Unreadable, BadGraph)) as rejected:
        imported(data, tmp_path, NAMES)
    assert rejected.value.location in ("model.onnx", "opset")


def test_a_name_that_is_not_utf_8_is_unreadable(tmp_path):
    data = DATA.replace(b"mul_result", b"mul\xff\xfe\xfdsult")
    with rejects(Unreadable, "model.onnx") as rejected:
        imported(data, tmp_path, "abc")
    assert "UTF-8" in rejected.value.reason


def test_a_file_of_millions_of_empty_fields_is_not_parsed(tmp_path):
    with rejects(TooLarge, "model.onnx"):
        imported(DATA + b"\x3a\x00" * 1_000_000, tmp_path, "abc")


def test_without_onnx_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with rejects(NotInstalled, "model.onnx") as rejected:
        imported(DATA, tmp_path, "abc")
    assert "delivery-risk[import]" in rejected.value.reason


def test_an_attribute_that_is_given_twice_is_rejected(tmp_path):
    made = graph(*HIDDEN, *LAST)
    made.graph.node[0].attribute.extend([AttributeProto(name="alpha", type=AttributeProto.FLOAT, f=2.0)] * 2)
    with rejects(BadNode, "node first"):
        imported(made, tmp_path, NAMES)
