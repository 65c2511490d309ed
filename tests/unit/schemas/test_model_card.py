from dataclasses import replace

from model.core.manifest import Feature
from model.packaged import packaged_model
from schemas.model_card import ModelSchema, card
from tests.facts import FEATURES

MODEL = replace(packaged_model(), sha256="0" * 64)
SERVED = {"name": "delivery-risk", "version": "1.0.0", "sha256": "0" * 64, "file": ""}
CHAMPION = {"served": SERVED, "wanted": None, "reason": None, "since": 1.5}
STATES = {"champion": CHAMPION, "challenger": CHAMPION | {"served": None}}
CARD = card(MODEL, STATES, "refuse")


def test_the_model_card_identifies_the_model_and_how_it_decides():
    assert (
        CARD.items()
        >= {
            "model_name": "delivery-risk",
            "model_version": "1.0.0",
            "model_sha256": "0" * 64,
            "created": "2026-11-20T00:00:00Z",
            "threshold": 0.6,
            "out_of_range_policy": "refuse",
            "head": "sigmoid",
        }.items()
    )
    assert CARD["lineup"] == STATES


def test_the_model_card_has_the_shape_of_the_network():
    shape = (tuple(CARD["sizes"]), tuple(CARD["activations"]), CARD["parameter_count"])
    assert shape == ((3, 3, 1), ("relu", "linear"), 16)


def test_the_model_card_has_the_features_in_the_order_of_the_model():
    assert [feature["name"] for feature in CARD["features"]] == list(FEATURES)
    assert CARD["features"][1] == {
        "name": "backlog",
        "unit": "severity",
        "description": "How far the depot is behind with its orders.",
        "minimum": 0.0,
        "maximum": 10.0,
        "mean": 5.0,
        "scale": 2.0,
    }


def test_a_feature_without_bounds_has_null_for_them():
    manifest = replace(MODEL.manifest, features=(Feature("backlog"), *MODEL.manifest.features[1:]))
    found = card(replace(MODEL, manifest=manifest), {}, "review")["features"][0]
    empty = {"unit": "", "description": "", "minimum": None, "maximum": None}
    assert found == {"name": "backlog", **empty, "mean": 5.0, "scale": 2.0}


def test_the_model_card_matches_its_schema():
    loaded = ModelSchema().load(ModelSchema().dump(CARD))
    assert loaded["features"] == CARD["features"]
    assert loaded["provenance"] == {"source": "a worked example, computed by hand"}
