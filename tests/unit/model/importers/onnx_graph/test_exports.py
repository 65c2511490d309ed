"""Files that scikit-learn, torch and Keras users have get the frameworks' own scores."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from model.core.encoding import encoded
from model.importers.arrays import training_arrays
from tests.onnx_files import EXPORTS, export
from tests.onnx_graphs import evaluated
from tests.training_arrays import LABEL


def model_of(name):
    found = export(name)
    return found, training_arrays(found.path, replace(LABEL, features=found.features))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_file_gets_the_scores_of_its_framework(name):
    found, model = model_of(name)
    scores = model.outputs(encoded(model.manifest.inputs, found.orders)).outputs[:, 0]
    # An Imputer has float32 numbers, also where all else is double.
    within = 1e-14 if name.endswith("double") and "columns" not in name else 1e-6
    np.testing.assert_allclose(scores, found.scores, rtol=within, atol=within)
    assert len(scores) == 20


@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_file_gets_the_scores_that_onnx_gives_it(name):
    found, model = model_of(name)
    scores = model.outputs(encoded(model.manifest.inputs, found.orders)).outputs[:, 0]
    graph = onnx.load(found.path, load_external_data=False)
    named = {"probabilities", "score", "Identity:0", graph.graph.output[-1].name}
    at = next(each for node in graph.graph.node for each in node.output if each in named)
    expected = evaluated(graph, found.orders, at)[0]
    expected = expected if expected.ndim == 1 else expected[:, -1]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-14 if "double" in name or "tanh_z" in name else 1e-6)


@pytest.mark.parametrize(
    ("name", "sizes", "activations", "inputs"),
    [
        ("sklearn_columns_double", (10, 5, 1), ("relu", "linear"), ("backlog", "wind_mph", "distance_km", "carrier", "month")),
        ("sklearn_chosen", (3, 4, 1), ("relu", "linear"), ("backlog", "wind_mph", "distance_km")),
        ("torch_dynamo_gelu_tanh_double", (3, 5, 4, 1), ("gelu_tanh", "gelu_tanh", "linear"), None),
        ("torch_script_leaky_softmax_float", (3, 5, 4, 1), ("leaky_relu:0.25", "leaky_relu:0.25", "linear"), None),
        ("torch_dynamo_columns_float", (3, 5, 4, 1), ("sigmoid", "sigmoid", "linear"), None),
        ("keras_softmax", (3, 5, 1), ("tanh", "linear"), None),
    ],
)
def test_layers_activations_and_names_are_those_of_the_file(name, sizes, activations, inputs):
    _, model = model_of(name)
    assert (model.network.sizes, model.manifest.activations) == (sizes, activations)
    assert model.manifest.input_names == (inputs or ("backlog", "wind_mph", "distance_km"))


def test_an_imputer_and_encoders_become_a_preparation():
    _, model = model_of("sklearn_columns_double")
    backlog, _, distance, carrier, month = model.manifest.inputs
    assert backlog.missing == pytest.approx(14.5, abs=3)
    assert distance.missing is not None
    assert (carrier.kind, carrier.values, carrier.unknown) == ("category", ("AA", "DL", "New York Air"), "none")
    assert (month.kind, month.missing) == ("number", None)
    names = ("backlog", "wind_mph", "distance_km", "carrier_AA", "carrier_DL", "carrier_New_York_Air")
    assert model.manifest.feature_names == (*names, *(f"month_{number}" for number in (1, 2, 3, 4)))


def test_a_graph_that_ends_in_sums_has_no_head_until_one_is_given():
    found = export("torch_dynamo_tanh_logits_double")
    label = replace(LABEL, features=found.features)
    plain, with_head = training_arrays(found.path, label), training_arrays(found.path, replace(label, head="sigmoid"))
    assert (plain.manifest.head, with_head.manifest.head) == ("identity", "sigmoid")
    x = np.array(found.orders)
    np.testing.assert_allclose(with_head.outputs(x).outputs[:, 0], 1 / (1 + np.exp(-np.array(found.scores))), rtol=1e-14)
