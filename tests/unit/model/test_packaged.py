import json
from pathlib import Path

import numpy as np

import model
from model.artifact import model_file
from model.packaged import FILE_NAME, packaged_model
from tests.facts import DATA

GOLDEN = json.loads((DATA / "forward_pass.json").read_text())
REPORT = next(case for case in GOLDEN["networks"] if case["name"] == "delivery-risk-report")
SHIPPED = Path(model.__file__).parent / FILE_NAME


def test_the_shipped_file_is_the_packaged_model_byte_for_byte():
    assert SHIPPED.read_bytes() == model_file.dumps(packaged_model())
    assert model_file.read(SHIPPED).manifest == packaged_model().manifest


def test_the_packaged_model_is_the_worked_example():
    found = packaged_model()
    layers, standardizer, test = found.network.layers, found.standardizer, found.manifest.self_test
    assert [each.weights.tolist() for each in layers] == [each["w"] for each in REPORT["layers"]]
    assert [each.bias.tolist() for each in layers] == [each["b"] for each in REPORT["layers"]]
    assert (standardizer.mean.tolist(), standardizer.scale.tolist()) == (REPORT["mean"], REPORT["scale"])
    assert (found.manifest.activations, found.manifest.head) == (("relu", "linear"), "sigmoid")
    assert (found.manifest.threshold, found.manifest.feature_names) == (REPORT["threshold"], tuple(REPORT["feature_names"]))
    assert np.array(test.orders).tolist() == REPORT["x"]
    assert np.array(test.scores).tolist() == REPORT["expected"]["activations"][-1]


def test_a_packaged_feature_ranges_from_zero_to_ten_and_the_description_says_that_the_weights_are_illustrative():
    found = packaged_model().manifest
    assert {(each.minimum, each.maximum) for each in found.inputs} == {(0.0, 10.0)}
    assert "illustrative" in found.description
