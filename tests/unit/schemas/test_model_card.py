from dataclasses import replace

from model.core.manifest import Input
from model.packaged import packaged_model
from schemas.model_card import ModelSchema, card
from tests.facts import FEATURES
from tests.models import reference_of
from tests.raw_orders import baseline_of, raw_model

MODEL = replace(packaged_model(), sha256="0" * 64)
SERVED = {"name": "delivery-risk", "version": "1.0.0", "sha256": "0" * 64, "file": ""}
CHAMPION = {"served": SERVED, "wanted": None, "reason": None, "since": 1.5}
STATES = {"champion": CHAMPION, "challenger": CHAMPION | {"served": None}}
CARD = card(MODEL, STATES, "refuse")


def test_the_model_card_has_the_model_how_it_decides_and_its_shape():
    assert {name: CARD[name] for name in CARD if name not in ("inputs", "features")} == {
        "context": [],
        "also_accepts": [],
        "model_name": "delivery-risk",
        "model_version": "1.0.0",
        "model_sha256": "0" * 64,
        "created": "2026-11-20T00:00:00Z",
        "description": MODEL.manifest.description,
        "threshold": 0.6,
        "out_of_range_policy": "refuse",
        "holdout": None,
        "head": "sigmoid",
        "sizes": [3, 3, 1],
        "activations": ["relu", "linear"],
        "parameter_count": 16,
        "illustrative": True,
        "compared": False,
        "provenance": {"source": "a worked example, computed by hand"},
        "reference": None,
        "lineup": STATES,
    }
    assert ModelSchema().validate(CARD) == {}


def test_the_model_card_has_the_inputs_and_the_features_in_the_order_of_the_model_with_null_for_a_missing_bound():
    assert [feature["name"] for feature in CARD["features"]] == list(FEATURES)
    text = {"name": "backlog", "unit": "severity", "description": "How far the depot is behind with its orders."}
    assert CARD["features"][1] == text | {"minimum": 0.0, "maximum": 10.0, "mean": 5.0, "scale": 2.0, "made_of": "backlog"}
    number = {"kind": "number", "values": [], "missing": None, "unknown": "refuse", "optional": False, "actionable": False}
    assert CARD["inputs"][1] == text | {"minimum": 0.0, "maximum": 10.0} | number
    baseline = reference_of(FEATURES)
    inputs = (MODEL.manifest.inputs[0], Input("backlog"), MODEL.manifest.inputs[2])
    manifest = replace(MODEL.manifest, inputs=inputs, baseline=baseline)
    found = card(replace(MODEL, manifest=manifest), STATES, "review")
    empty = {"unit": "", "description": "", "minimum": None, "maximum": None}
    assert found["features"][1] == {"name": "backlog", **empty, "mean": 5.0, "scale": 2.0, "made_of": "backlog"}
    assert (found["reference"]["scores"]["counts"], len(found["reference"]["calibration"])) == ([4, *[0] * 18, 6, 0], 2)
    assert ModelSchema().validate(found) == {}


def test_the_model_card_has_the_counts_of_inputs_in_the_baseline_with_null_for_a_gap_that_an_input_cannot_have():
    model = raw_model()
    found = card(replace(model, manifest=replace(model.manifest, baseline=baseline_of(model))), STATES, "review")
    inputs = found["reference"]["inputs"]
    assert list(inputs) == ["backlog", "carrier", "depot", "size"]
    assert inputs["backlog"] == {"missing": 2, "unknown": None, "counts": {}}
    assert inputs["carrier"] == {"missing": None, "unknown": None, "counts": {"AA": 8, "B:6": 1, "ü": 1}}
    assert ModelSchema().validate(found) == {}
