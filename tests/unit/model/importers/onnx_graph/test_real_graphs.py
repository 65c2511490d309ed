"""Trained models of real deliveries as ONNX, in the styles of exporters, are the models of their arrays."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.artifact import model_file
from model.importers.arrays import training_arrays
from tests.onnx_files import imported
from tests.onnx_graphs import ML, evaluated, magnitudes
from tests.training_arrays import LABEL

STYLES = ("sklearn", "torch", "torch since 2.9", "keras")


@pytest.fixture(scope="module", params=["nyc17_3feature", "nyc17_mlp16"])
def folder(request, real_data):
    return real_data / request.param


@pytest.fixture(scope="module")
def arrays(folder):
    return dict(np.load(folder / "model.npz"))


@pytest.fixture(scope="module")
def cases(folder, arrays):
    """The orders and the probabilities that scikit-learn gives them."""
    with open(folder / "cases.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row[name]) for name in arrays["feature_names"]] for row in rows])
    assert len(x) == 2000
    return x, np.array([float(row["p_predict_proba"]) for row in rows])


def names_of(arrays):
    return tuple(arrays["feature_names"].tolist())


def written(arrays, style, dtype):
    """The arrays as a graph in this style; its logits are the value `logit`."""
    kind = TensorProto.FLOAT if dtype is np.float32 else TensorProto.DOUBLE
    constants, nodes = {}, []

    def node(op, *inputs, output=None, domain="", **attributes):
        output = output or f"v{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [output], f"{op}{len(nodes)}", domain=domain, **attributes))
        return output

    def constant(name, array):
        constants[name] = numpy_helper.from_array(np.asarray(array, dtype), name)
        return name

    mean, scale = arrays["mean"], arrays["scale"]
    if style == "sklearn" and dtype is np.float32:
        value = node("Scaler", "x", domain=ML, offset=mean.tolist(), scale=(1 / scale).tolist())
    else:
        value = node("Div", node("Sub", "x", constant("mean", mean)), constant("scale", scale))
    for number, last in ((1, False), (2, True)):
        w, b = arrays[f"w{number}"], arrays[f"b{number}"]
        output = "logit" if last else None
        if style == "torch":
            given = constant(f"w{number}", w), constant(f"b{number}", b)
            value = node("Gemm", value, *given, output=output, transB=1, alpha=1.0, beta=1.0)
        else:
            kernel = constant(f"w{number}", w if style.startswith("torch") else w.T)
            kernel = node("Transpose", kernel, perm=[1, 0]) if style.startswith("torch") else kernel
            bias = constant(f"b{number}", b[np.newaxis] if style == "sklearn" else b)
            value = node("Add", node("MatMul", value, kernel), bias, output=output)
        value = node("Sigmoid" if last else "Relu", value)
    if style == "sklearn":
        value = node("Concat", node("Sub", constant("one", 1.0), value), value, axis=1)
    graph = helper.make_graph(
        nodes,
        style,
        [helper.make_tensor_value_info("x", kind, [None, len(mean)])],
        [helper.make_tensor_value_info(value, kind, None)],
        list(constants.values()),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(ML, 1)], ir_version=9)


def same_numbers(model, expected):
    """Whether two models have the same arrays, to the last bit."""
    pairs = [(model.standardizer.mean, expected.standardizer.mean), (model.standardizer.scale, expected.standardizer.scale)]
    for one, other in zip(model.network.layers, expected.network.layers, strict=True):
        pairs += [(one.weights, other.weights), (one.bias, other.bias)]
    return all(one.tobytes() == other.tobytes() for one, other in pairs)


@pytest.mark.parametrize("style", STYLES)
def test_a_double_graph_is_the_model_of_the_arrays_to_the_last_bit(folder, arrays, style, tmp_path):
    model = imported(written(arrays, style, np.float64), tmp_path, names_of(arrays))
    assert same_numbers(model, training_arrays(folder / "model.npz", LABEL))


def test_the_double_file_of_skl2onnx_is_the_model_of_the_arrays_and_the_float_one_is_near(folder, arrays, cases):
    x, expected = cases
    label = replace(LABEL, features=names_of(arrays))
    double, single = (training_arrays(folder / f"model.float{bits}.onnx", label, folder / "model.json") for bits in (64, 32))
    of_arrays = training_arrays(folder / "model.npz", LABEL, folder / "model.json")
    assert same_numbers(double, of_arrays)
    assert double.manifest.inputs == of_arrays.manifest.inputs
    assert double.outputs(x).outputs.tobytes() == of_arrays.outputs(x).outputs.tobytes()
    np.testing.assert_allclose(double.outputs(x).outputs[:, 0], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(single.outputs(x).outputs[:, 0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "float"])
def test_real_orders_get_the_logits_that_onnx_computes(arrays, cases, style, dtype, tmp_path):
    graph, x = written(arrays, style, dtype), cases[0]
    rows = x.astype(dtype).astype(np.float64).tolist()
    expected = evaluated(graph, rows, "logit")[0][:, 0]
    found = imported(graph, tmp_path, names_of(arrays)).outputs(np.array(rows)).logits[:, 0]
    relative = np.abs(found - expected) / magnitudes(graph, rows, "logit")
    assert relative.max() <= (1e-15 if dtype is np.float64 else 1e-6)


def test_a_preparation_beside_a_graph_makes_the_model_that_it_makes_beside_the_arrays(real_data, tmp_path):
    preparation = real_data / "nyc17_raw" / "preparation.json"
    names = tuple(each["name"] for each in json.loads(preparation.read_text())["features"])
    files = []
    for name, features in (("model.npz", ()), ("model.float64.onnx", names)):
        label = replace(LABEL, features=features)
        model = training_arrays(real_data / "nyc17_mlp16" / name, label, preparation=preparation)
        files.append(model_file.dumps(replace(model, manifest=replace(model.manifest, provenance={}))))
    assert files[0] == files[1]
