from dataclasses import replace

import pytest
from marshmallow import ValidationError

from model.core.manifest import Feature
from model.packaged import packaged_model
from schemas.model_card import FeatureSchema, HealthSchema, ModelSchema, VersionSchema, card

MODEL = replace(packaged_model(), sha256="0" * 64)
SERVED = {"name": "delivery-risk", "version": "1.0.0", "sha256": "0" * 64, "file": ""}
CHAMPION = {"served": SERVED, "wanted": None, "reason": None, "since": 1.5}
CARD = card(MODEL, {"champion": CHAMPION, "challenger": CHAMPION | {"served": None}}, "refuse")
BACKLOG = {
    "name": "backlog",
    "unit": "severity",
    "description": "How far the depot is behind with its orders.",
    "minimum": 0.0,
    "maximum": 10.0,
    "mean": 5.0,
    "scale": 2.0,
}


def test_the_card_says_which_model_it_is_and_how_it_decides():
    told = {
        name: CARD[name]
        for name in ("model_name", "model_version", "model_sha256", "created", "threshold", "out_of_range_policy", "head")
    }
    assert told == {
        "model_name": "delivery-risk",
        "model_version": "1.0.0",
        "model_sha256": "0" * 64,
        "created": "2026-11-20T00:00:00Z",
        "threshold": 0.6,
        "out_of_range_policy": "refuse",
        "head": "sigmoid",
    }


def test_the_card_tells_the_shape_of_the_network():
    shape = (tuple(CARD["sizes"]), tuple(CARD["activations"]), CARD["parameter_count"])
    assert shape == ((3, 3, 1), ("relu", "linear"), 16)


def test_the_card_tells_the_features_in_the_order_of_the_model():
    assert [feature["name"] for feature in CARD["features"]] == ["route_disruption", "backlog", "weather_severity"]


def test_the_card_tells_all_of_a_feature():
    assert CARD["features"][1] == BACKLOG


def test_a_feature_without_bounds_has_null_for_them():
    manifest = replace(MODEL.manifest, features=(Feature("backlog"), *MODEL.manifest.features[1:]))
    found = card(replace(MODEL, manifest=manifest), {}, "review")["features"][0]
    assert found == {
        "name": "backlog",
        "unit": "",
        "description": "",
        "minimum": None,
        "maximum": None,
        "mean": 5.0,
        "scale": 2.0,
    }


def test_the_card_is_what_its_schema_says():
    loaded = ModelSchema().load(ModelSchema().dump(CARD))
    assert loaded["features"] == CARD["features"]
    assert loaded["provenance"] == {"source": "a worked example, computed by hand"}


@pytest.mark.parametrize("name", CARD)
def test_a_card_lacks_none_of_its_members(name):
    whole = ModelSchema().dump(CARD)
    with pytest.raises(ValidationError) as caught:
        ModelSchema().load({other: value for other, value in whole.items() if other != name})
    assert list(caught.value.messages) == [name]


@pytest.mark.parametrize("name", BACKLOG)
def test_a_feature_lacks_none_of_its_members(name):
    with pytest.raises(ValidationError) as caught:
        FeatureSchema().load({other: value for other, value in BACKLOG.items() if other != name})
    assert list(caught.value.messages) == [name]


def test_a_version_names_the_service_the_language_numpy_and_the_model():
    with pytest.raises(ValidationError) as caught:
        VersionSchema().load({})
    assert list(caught.value.messages) == ["service_version", "python_version", "numpy_version", "model_version"]


def test_a_probe_says_ok():
    assert HealthSchema().load({"status": "ok"}) == {"status": "ok"}
    assert HealthSchema().fields["status"].metadata["enum"] == ["ok"]
