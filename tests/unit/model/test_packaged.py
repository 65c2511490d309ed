import json
from pathlib import Path

import numpy as np
import pytest

import model
from model.artifact import model_file
from model.packaged import FILE_NAME, packaged_model
from tests.facts import DATA

GOLDEN = json.loads((DATA / "forward_pass.json").read_text())
REPORT = next(case for case in GOLDEN["networks"] if case["name"] == "delivery-risk-report")
SHIPPED = Path(model.__file__).parent / FILE_NAME


def test_the_shipped_file_is_the_default_model_byte_for_byte():
    assert SHIPPED.read_bytes() == model_file.dumps(packaged_model())


def test_the_shipped_file_loads():
    assert model_file.read(SHIPPED).manifest == packaged_model().manifest


def test_the_default_network_is_the_worked_one():
    layers = packaged_model().network.layers
    assert [each.weights.tolist() for each in layers] == [each["w"] for each in REPORT["layers"]]
    assert [each.bias.tolist() for each in layers] == [each["b"] for each in REPORT["layers"]]


def test_the_default_standardizer_is_the_worked_one():
    standardizer = packaged_model().standardizer
    assert (standardizer.mean.tolist(), standardizer.scale.tolist()) == (REPORT["mean"], REPORT["scale"])


def test_the_default_manifest_says_what_the_worked_example_says():
    manifest = packaged_model().manifest
    assert manifest.feature_names == tuple(REPORT["feature_names"])
    assert manifest.threshold == REPORT["threshold"]
    assert manifest.activations == ("relu", "linear")
    assert manifest.head == "sigmoid"


def test_the_default_self_test_is_the_worked_example():
    test = packaged_model().manifest.self_test
    assert np.array(test.orders).tolist() == REPORT["x"]
    assert np.array(test.scores).tolist() == REPORT["expected"]["activations"][-1]


@pytest.mark.parametrize("feature", packaged_model().manifest.features, ids=lambda feature: feature.name)
def test_a_default_feature_runs_from_zero_to_ten(feature):
    assert (feature.minimum, feature.maximum) == (0.0, 10.0)


def test_the_default_model_says_that_its_weights_are_not_learned():
    assert "illustrative" in packaged_model().manifest.description
