"""Imports with a preparation: what an order holds, and how the features of the arrays are made of it."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from model.artifact import model_file
from model.core.encoding import encoded
from model.errors import BadManifest, OtherScores, ShapeMismatch
from tests.model_files import SECRET_TEXT
from tests.raw_orders import FEATURES, INPUTS, ORDERS, arrays_of, preparation_of, raw_model
from tests.training_arrays import NAMES, arrays

MODEL = raw_model()
ARRAYS, PREPARATION = arrays_of(MODEL), preparation_of(MODEL)
FURTHER = {"context": [{"name": "lane", "values": ["EWR", "JFK"]}], "also_accepts": ["promised_at"]}
X = encoded(INPUTS, [[order.get(each.name) for each in INPUTS] for order in ORDERS])
SCORES = MODEL.outputs(X).outputs
CHECK = {"check_x": MODEL.features(X), "check_scores": SCORES}


@pytest.mark.parametrize("further", [{}, FURTHER], ids=["alone", "further"])
def test_an_imported_model_takes_the_inputs_and_makes_the_features_of_its_preparation(imported, further):
    model = imported(ARRAYS, preparation=PREPARATION | further)
    assert (model.manifest.inputs, model.manifest.features) == (INPUTS, FEATURES)
    kept = (("lane",), ("promised_at",)) if further else ((), ())
    assert (model.manifest.context_names, model.manifest.also_accepts) == kept
    for found in (model, model_file.loads(model_file.dumps(model))):
        assert found.outputs(X).outputs.tobytes() == SCORES.tobytes()


def test_its_provenance_contains_the_name_and_digest_of_the_preparation(imported, tmp_path):
    provenance = imported(ARRAYS, preparation=PREPARATION).manifest.provenance
    digest = hashlib.sha256((tmp_path / "preparation.json").read_bytes()).hexdigest()
    assert (provenance["preparation"], provenance["preparation_sha256"]) == ("preparation.json", digest)


def test_a_preparation_that_takes_features_as_they_are_gives_the_model_without_one(imported):
    inputs = [{"name": name, "kind": "number"} for name in NAMES]
    made = imported(arrays(3), preparation={"inputs": inputs, "features": [{"name": name, "of": name} for name in NAMES]})
    plain = imported(arrays(3))
    assert replace(made.manifest, provenance={}) == replace(plain.manifest, provenance={})


def changed(part, at, **changes):
    """The preparation with these entries of an input or a feature replaced."""
    entries = [*PREPARATION[part]]
    entries[at] = entries[at] | changes
    return PREPARATION | {part: entries}


BROKEN = {
    "": [SECRET_TEXT, "[" * 100_000, [], PREPARATION | {SECRET_TEXT: 1}, json.dumps(PREPARATION)[:-1] + ', "inputs": []}'],
    ".inputs": [{"features": PREPARATION["features"]}, PREPARATION | {"inputs": {}}, changed("inputs", 1, name="backlog")],
    ".features": [{"inputs": PREPARATION["inputs"]}, PREPARATION | {"features": []}, changed("features", 1, name="backlog")],
    ".inputs[0].minimum": [changed("inputs", 0, minimum=SECRET_TEXT)],
    ".inputs[3]": [changed("inputs", 3, unit=SECRET_TEXT)],
    ".inputs[2].values": [changed("inputs", 2, values=[])],
    ".features[2].of": [changed("features", 2, of=SECRET_TEXT)],
    ".features[3].is": [changed("features", 3, **{"is": SECRET_TEXT})],
    ".context": [PREPARATION | {"context": {}}],
    ".context[0].values": [PREPARATION | {"context": [{"name": "depot"}]}],
    ".also_accepts[0]": [PREPARATION | {"also_accepts": [3]}],
}


@pytest.mark.parametrize(("where", "preparation"), [(where, each) for where, several in BROKEN.items() for each in several])
def test_a_broken_preparation_is_rejected_by_its_entry(rejection, where, preparation):
    rejection(BadManifest, f"preparation{where}", ARRAYS, preparation=preparation)


NAMED = ARRAYS["feature_names"].tolist()
OTHER_NAMES = {
    "another order": ([NAMED[1], NAMED[0], *NAMED[2:]], 0, "another name: feature 0 of the preparation is backlog"),
    "another name": ([*NAMED[:2], SECRET_TEXT, *NAMED[3:]], 2, "another name: feature 2 of the preparation is distance_log"),
    "one too few": (NAMED[:-1], 12, "missing: feature 12 of the preparation is summer"),
    "one too many": ([*NAMED, SECRET_TEXT], 13, "one too many: the preparation has 13 features"),
}


@pytest.mark.parametrize(("names", "at", "reason"), OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_feature_names_must_be_those_of_the_preparation_in_its_order(rejection, names, at, reason):
    saved = ARRAYS | {"feature_names": np.array(names)}
    assert rejection(BadManifest, f"feature_names[{at}]", saved, preparation=PREPARATION) == reason


def test_arrays_of_features_compare_the_network_alone(imported):
    manifest = imported(ARRAYS | CHECK, preparation=PREPARATION).manifest
    found = {name: text for name, text in manifest.provenance.items() if "checked" in name}
    assert found == {"network_checked_orders": "4", "network_checked_difference": "0.0"}
    assert not manifest.compared
    assert manifest.self_test == imported(ARRAYS, preparation=PREPARATION).manifest.self_test


def test_another_network_than_that_of_the_script_is_rejected_with_the_reading_that_would_fit(rejection):
    saved = ARRAYS | CHECK | {"scale": ARRAYS["scale"] ** 2}
    reason = rejection(OtherScores, "check_scores", saved, preparation=PREPARATION)
    assert reason.endswith("; it would fit with the square root of scale, which holds variances")


def test_arrays_of_inputs_in_place_of_features_are_rejected(rejection):
    saved = ARRAYS | CHECK | {"check_x": np.nan_to_num(X)}
    assert rejection(ShapeMismatch, "check_x", saved, preparation=PREPARATION) == "shape (4, 6), expected (orders, 13)"
