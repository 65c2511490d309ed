"""What is made of the columns before the first layer: inputs, features, their names, and what has no name of its own."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.core.encoding import encoded
from model.core.manifest import Feature
from model.errors import BadGraph
from tests.model_files import rejects
from tests.onnx_files import imported
from tests.onnx_graphs import ML, evaluated

DOUBLE, TEXT, INTEGER = TensorProto.DOUBLE, TensorProto.STRING, TensorProto.INT64
NAN = float("nan")
FILL = {"imputed_value_floats": [2.5], "replaced_value_float": NAN, "domain": ML}


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], op, **attributes)


def ending(nodes, inputs, width):
    """A graph of these nodes, whose value z of so many columns has one layer."""
    weights = numpy_helper.from_array(np.linspace(-1.0, 1.0, width)[:, np.newaxis], "w")
    constants = [weights, numpy_helper.from_array(np.array([-1, 1]), "column"), numpy_helper.from_array(np.array([-1]), "all")]
    last = [node("MatMul", ["z", "w"], "logit"), node("Sigmoid", ["logit"], "p")]
    given = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    output = [helper.make_tensor_value_info("p", DOUBLE, None)]
    graph = helper.make_graph([*nodes, *last], "made", given, output, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(ML, 3)], ir_version=9)


def require_same(graph, model, rows):
    expected = evaluated(graph, rows, "p")[0][:, 0]
    found = model.outputs(encoded(model.manifest.inputs, rows)).outputs[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def hot(of, output, categories, zeros=1):
    kind = "cats_strings" if isinstance(categories[0], str) else "cats_int64s"
    encoder = node("OneHotEncoder", [of], f"{output}_3d", domain=ML, zeros=zeros, **{kind: categories})
    return [encoder, node("Flatten", [f"{output}_3d"], f"{output}_2d"), node("Cast", [f"{output}_2d"], output, to=DOUBLE)]


@pytest.mark.parametrize(("zeros", "unknown"), [(0, "refuse"), (1, "none")])
def test_an_encoder_says_whether_an_unknown_category_is_rejected(tmp_path, zeros, unknown):
    graph = ending(hot("carrier", "z", ["AA", "UA"], zeros), {"carrier": (TEXT, [None, 1])}, 2)
    model = imported(graph, tmp_path)
    assert [(each.name, each.values, each.unknown) for each in model.manifest.inputs] == [("carrier", ("AA", "UA"), unknown)]
    require_same(graph, model, [("AA",), ("UA",)])


def test_names_of_features_are_made_of_the_category_cut_and_different(tmp_path):
    categories = ["New York", "New-York", "x" * 64, "x" * 63, "é"]
    graph = ending(hot("carrier", "z", categories), {"carrier": (TEXT, [None, 1])}, 5)
    model = imported(graph, tmp_path)
    names = ("carrier_New_York", "carrier_New_York_2", f"carrier_{'x' * 56}", f"carrier_{'x' * 49}_2", "carrier__")
    assert model.manifest.feature_names == names
    require_same(graph, model, [(each,) for each in [*categories, "ZZ"]])


def test_a_column_may_be_taken_twice(tmp_path):
    graph = ending([node("Concat", ["backlog", "backlog"], "z", axis=1)], {"backlog": (DOUBLE, [None, 1])}, 2)
    model = imported(graph, tmp_path)
    assert model.manifest.features == (Feature("backlog", "backlog"), Feature("backlog_2", "backlog"))
    require_same(graph, model, [(1.5,), (-2.0,)])


def test_an_integer_may_be_a_number_and_categories(tmp_path):
    nodes = [*hot("month", "h", [1, 12]), node("Cast", ["month"], "m", to=DOUBLE), node("Concat", ["m", "h"], "z", axis=1)]
    graph = ending(nodes, {"month": (INTEGER, [None, 1])}, 3)
    model = imported(graph, tmp_path)
    assert model.manifest.feature_names == ("month", "month_1", "month_12")
    require_same(graph, model, [(1,), (12,), (7,)])


def test_columns_of_one_dimension_are_put_side_by_side_after_a_reshape(tmp_path):
    nodes = [node("Reshape", [name, "column"], f"{name}_2d") for name in "ab"]
    graph = ending([*nodes, node("Concat", ["a_2d", "b_2d"], "z", axis=1)], {"a": (DOUBLE, [None]), "b": (DOUBLE, [None])}, 2)
    model = imported(graph, tmp_path)
    assert (model.manifest.feature_names, model.manifest.prepared) == (("a", "b"), False)
    require_same(graph, model, [(1.5, 2.5), (-2.0, 4.0)])


def test_names_tell_how_many_columns_there_are_where_the_graph_does_not(tmp_path):
    graph = ending([node("Identity", ["x"], "z")], {"x": (DOUBLE, [None, None])}, 3)
    assert imported(graph, tmp_path, "abc").manifest.feature_names == ("a", "b", "c")
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "F"
    assert imported(graph, tmp_path, "abc").manifest.feature_names == ("a", "b", "c")


def test_a_name_that_is_an_input_and_a_feature_of_another_is_numbered(tmp_path):
    nodes = [*hot("c", "h", ["A"]), node("Concat", ["h", "c_A"], "z", axis=1)]
    graph = ending(nodes, {"c": (TEXT, [None, 1]), "c_A": (DOUBLE, [None, 1])}, 2)
    model = imported(graph, tmp_path)
    assert model.manifest.features == (Feature("c_A", "c", "is", ("A",)), Feature("c_A_2", "c_A"))
    require_same(graph, model, [("A", 1.5), ("B", 2.5)])


SIDE_BY_SIDE = {
    "one filled and one not": (
        [node("Imputer", ["a"], "f", **FILL), node("Concat", ["f", "a"], "z", axis=1)],
        {"a": (DOUBLE, [None, 1])},
        "input a",
    ),
    "two encoders": (
        [*hot("a", "h", ["x"]), *hot("a", "g", ["y"]), node("Concat", ["h", "g"], "z", axis=1)],
        {"a": (TEXT, [None, 1])},
        "input a",
    ),
}


@pytest.mark.parametrize(("nodes", "inputs", "location"), SIDE_BY_SIDE.values(), ids=SIDE_BY_SIDE)
def test_an_input_is_filled_and_encoded_in_one_way(nodes, inputs, location, tmp_path):
    with rejects(BadGraph, location):
        imported(ending(nodes, inputs, 2), tmp_path)
