"""Cards that describe the features of an import."""

import json

import numpy as np
import pytest

from model.errors import BadManifest
from tests.model_files import SECRET_NUMBER, SECRET_TEXT
from tests.training_arrays import LABEL, arrays


def card(**backlog):
    return {"features": [{"name": "distance", "unit": "km"}, {"name": "backlog", **backlog}]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *(
            ({}, (None, None)),
            ({"minimum": -1.5, "maximum": 9}, (-1.5, 9.0)),
            ({"train_min": -1.5, "train_max": 9}, (-1.5, 9.0)),
        ),
        *(({"minimum": 0, "train_max": 9}, (0.0, 9.0)), ({"minimum": 0, "train_min": 5}, (0.0, None))),
        ({"minimum": None, "maximum": None}, (None, None)),
        ({"train_min": 0, "train_max": 9, "p01": 1, "impute": None, "binary": False}, (0.0, 9.0)),
        ({"train_min": None, "train_max": None, "p01": 1}, (None, None)),
    ],
)
def test_a_card_gives_the_ranges_by_name_in_either_spelling(imported, given, expected):
    backlog, distance = imported(arrays(3), LABEL, card(**given)).manifest.inputs
    assert (backlog.minimum, backlog.maximum) == expected
    assert (distance.minimum, distance.maximum, distance.unit) == (None, None, "km")


def test_a_card_gives_units_and_descriptions(imported):
    backlog, distance = imported(arrays(3), LABEL, card(unit="orders", description="Waiting.")).manifest.inputs
    assert (backlog.unit, backlog.description) == ("orders", "Waiting.")
    assert (distance.unit, distance.description) == ("km", "")


def test_other_names_in_a_card_and_features_that_the_model_lacks_are_ignored(imported):
    stated = {"metrics": {}, "features": [{"name": "weather", "min": 0}, *card()["features"]]}
    assert imported(arrays(3), LABEL, stated).manifest.feature_names == ("backlog", "distance")


CARDS = {
    "a feature missing": ({"features": [{"name": "backlog"}]}, ""),
    "no features": ({"name": SECRET_TEXT}, ""),
    "a list": ([SECRET_TEXT], ""),
    "features by name": ({"features": {"backlog": {}, "distance": {}}}, ""),
    "features that are names": ({"features": ["backlog", "distance"]}, ""),
    "a feature without a name": ({"features": [{"unit": SECRET_TEXT}]}, ""),
    "a name that is a list": ({"features": [{"name": [SECRET_TEXT]}]}, ""),
    "no JSON": (SECRET_TEXT, ""),
    "a feature's name given twice": (json.dumps(card()).replace('"unit"', '"unit": "", "unit"'), ""),
    "features given twice": (json.dumps(card())[:-1] + ', "features": []}', ""),
    "lists 100,000 deep": ("[" * 100_000, ""),
    "a minimum over its maximum": (card(minimum=SECRET_NUMBER, maximum=1), ".features.backlog"),
    "a minimum that is text": (card(minimum=SECRET_TEXT), ".features.backlog.minimum"),
    "a minimum that is a truth": (card(train_min=True), ".features.backlog.minimum"),
    "a maximum that is not a number": (json.dumps(card(maximum=np.nan)), ".features.backlog.maximum"),
    "a unit of two lines": (card(unit=f"{SECRET_TEXT}\nkm"), ".features.backlog.unit"),
    "a description that is a number": (card(description=SECRET_NUMBER), ".features.backlog.description"),
}


@pytest.mark.parametrize(("card", "where"), CARDS.values(), ids=CARDS)
def test_a_broken_card_is_rejected_by_its_entry(rejection, card, where):
    rejection(BadManifest, f"card{where}", arrays(3), LABEL, card)


@pytest.mark.parametrize(
    ("entry", "stated"),
    [
        ({"min": SECRET_NUMBER, "max": SECRET_NUMBER}, "'min', 'max'; expected only name, unit, "),
        ({"minimum": 0, "max": SECRET_NUMBER}, "'max'; "),
        ({"minimum": 0, "maximum": 9, "units": SECRET_TEXT}, "'units'; "),
        *(({"Minimum": None}, "'Minimum'; "), ({"train_min": 0, "train_mx": SECRET_NUMBER}, "'train_mx'; ")),
        ({"\x1b[2J" + "x" * 99: 1}, f"'\\x1b[2J{'x' * 36}'; "),
        ({str(number): 1 for number in range(99)}, "'0', '1', '2', '3', '4'; "),
    ],
)
def test_an_unknown_name_in_a_card_is_reported(rejection, entry, stated):
    reason = rejection(BadManifest, "card.features.backlog", arrays(3), LABEL, card(**entry))
    assert reason.startswith(f"contains {stated}")
