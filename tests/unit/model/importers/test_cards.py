"""Cards that describe the features of an import."""

import json

import numpy as np
import pytest

from model.errors import BadManifest
from tests.model_files import SECRET_NUMBER, SECRET_TEXT
from tests.training_arrays import LABEL, arrays


def ranges(imported, **given):
    card = {"features": [{"name": "distance", "unit": "km"}, {"name": "backlog", **given}]}
    backlog, distance = imported(arrays(3), LABEL, card).manifest.features
    assert (distance.minimum, distance.maximum, distance.unit) == (None, None, "km")
    return backlog.minimum, backlog.maximum


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (None, None)),
        ({"minimum": -1.5, "maximum": 9}, (-1.5, 9.0)),
        ({"train_min": -1.5, "train_max": 9}, (-1.5, 9.0)),
        ({"minimum": 0, "train_max": 9}, (0.0, 9.0)),
        ({"minimum": 0, "train_min": 5}, (0.0, None)),
        ({"maximum": 3, "minimum": 3}, (3.0, 3.0)),
        ({"minimum": None, "maximum": None}, (None, None)),
        ({"train_min": 0, "train_max": 9, "p01": 1, "impute": None, "binary": False}, (0.0, 9.0)),
        ({"train_min": None, "train_max": None, "p01": 1}, (None, None)),
    ],
)
def test_a_card_gives_the_ranges_by_name_in_either_spelling(imported, given, expected):
    assert ranges(imported, **given) == expected


def test_a_card_gives_units_and_descriptions(imported):
    card = {"features": [{"name": "backlog", "unit": "orders", "description": "Waiting."}, {"name": "distance"}]}
    backlog, distance = imported(arrays(3), LABEL, card).manifest.features
    assert (backlog.unit, backlog.description) == ("orders", "Waiting.")
    assert (distance.unit, distance.description) == ("", "")


def test_a_card_may_describe_more_features_than_the_model_has(imported):
    card = {"features": [{"name": name} for name in ("weather", "distance", "backlog")]}
    assert imported(arrays(3), LABEL, card).manifest.feature_names == ("backlog", "distance")


def card(**backlog):
    return {"features": [{"name": "backlog", **backlog}, {"name": "distance"}]}


CARDS = {
    "a feature missing": ({"features": [{"name": "backlog"}]}, "card"),
    "no features": ({"name": SECRET_TEXT}, "card"),
    "a list": ([SECRET_TEXT], "card"),
    "features by name": ({"features": {"backlog": {}, "distance": {}}}, "card"),
    "features that are names": ({"features": ["backlog", "distance"]}, "card"),
    "a feature without a name": ({"features": [{"unit": SECRET_TEXT}]}, "card"),
    "a name that is a list": ({"features": [{"name": [SECRET_TEXT]}]}, "card"),
    "no JSON": (SECRET_TEXT, "card"),
    "a feature's name given twice": (
        '{"features": [{"name": "backlog", "unit": "", "unit": "km"}, {"name": "distance"}]}',
        "card",
    ),
    "features given twice": (json.dumps(card())[:-1] + ', "features": []}', "card"),
    "lists 100,000 deep": ("[" * 100_000, "card"),
    "a minimum over its maximum": (card(minimum=SECRET_NUMBER, maximum=1), "card.features.backlog"),
    "a minimum that is text": (card(minimum=SECRET_TEXT), "card.features.backlog.minimum"),
    "a minimum that is a truth": (card(train_min=True), "card.features.backlog.minimum"),
    "a maximum that is not a number": (json.dumps(card(maximum=np.nan)), "card.features.backlog.maximum"),
    "a unit of two lines": (card(unit=f"{SECRET_TEXT}\nkm"), "card.features.backlog.unit"),
    "a description that is a number": (card(description=SECRET_NUMBER), "card.features.backlog.description"),
}


@pytest.mark.parametrize(("card", "location"), CARDS.values(), ids=CARDS)
def test_a_broken_card_is_rejected_by_its_entry(rejection, card, location):
    rejected = rejection(arrays(3), LABEL, card)
    assert (type(rejected), rejected.location) == (BadManifest, location)


@pytest.mark.parametrize(
    ("entry", "stated"),
    [
        ({"min": SECRET_NUMBER, "max": SECRET_NUMBER}, "contains 'min', 'max'; expected only name, unit, "),
        ({"minimum": 0, "max": SECRET_NUMBER}, "contains 'max'; "),
        ({"minimum": 0, "maximum": 9, "units": SECRET_TEXT}, "contains 'units'; "),
        ({"Minimum": None}, "contains 'Minimum'; "),
        ({"train_min": 0, "train_mx": SECRET_NUMBER}, "contains 'train_mx'; "),
        ({"\x1b[2J" + "x" * 99: 1}, f"contains '\\x1b[2J{'x' * 36}'; "),
        ({str(number): 1 for number in range(99)}, "contains '0', '1', '2', '3', '4'; "),
    ],
)
def test_an_unknown_name_in_a_card_is_reported(rejection, entry, stated):
    rejected = rejection(arrays(3), LABEL, card(**entry))
    assert (type(rejected), rejected.location) == (BadManifest, "card.features.backlog")
    assert rejected.reason.startswith(stated)


def test_other_names_in_a_card_and_in_features_that_the_model_lacks_are_ignored(imported):
    stated = {"metrics": {}, "features": [*card()["features"], {"name": "weather", "min": 0}]}
    assert imported(arrays(3), LABEL, stated).manifest.feature_names == ("backlog", "distance")


def test_a_feature_that_the_card_leaves_out_is_named(rejection):
    assert "distance" in rejection(arrays(3), LABEL, {"features": [{"name": "backlog"}]}).reason
