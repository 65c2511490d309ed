"""Trained models of real deliveries agree with the framework that trained them."""

import csv
import json

import numpy as np
import pytest

from model.artifact import model_file
from model.core.batch import Batch
from model.importers.arrays import training_arrays
from tests.training_arrays import LABEL


@pytest.fixture(scope="module", params=["nyc17_3feature", "nyc17_mlp16"])
def folder(request, real_data):
    return real_data / request.param


@pytest.fixture(scope="module")
def model(folder):
    return training_arrays(folder / "model.npz", LABEL, folder / "model.json")


def test_all_cases_get_the_probability_that_the_framework_gives_before_and_after_the_model_is_written(model, folder):
    with open(folder / "cases.csv", newline="") as file:
        cases = list(csv.DictReader(file))
    x = np.array([[float(case[name]) for name in model.manifest.feature_names] for case in cases])
    scores = model.score(Batch([case["order_id"] for case in cases], x)).scores
    assert len(scores) == 2000
    np.testing.assert_allclose(scores, [float(case["p_predict_proba"]) for case in cases], rtol=0.0, atol=1e-12)
    written = model_file.loads(model_file.dumps(model))
    assert written.outputs(x[:50]).outputs.tolist() == model.outputs(x[:50]).outputs.tolist()


def test_ranges_are_those_of_the_training_data(model, folder):
    stated = {each["name"]: each for each in json.loads((folder / "model.json").read_text())["features"]}
    for feature in model.manifest.inputs:
        assert (feature.minimum, feature.maximum) == (stated[feature.name]["train_min"], stated[feature.name]["train_max"])
