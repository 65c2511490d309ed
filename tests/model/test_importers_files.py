"""Files and cards that an import meets."""

import errno
import json
import os
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from model import artifact
from model.errors import BadManifest, ModelError, Unreadable
from model.importers import training_arrays
from tests.model.surgery import SECRET_NUMBER, SECRET_TEXT, Trap, headed, npy
from tests.model.training import LABEL, arrays, saved_bytes, with_file


@pytest.mark.parametrize("name", ["w1", "feature_names", "extra"])
def test_objects_are_refused_without_being_unpickled(refusal, tmp_path, name):
    trap = np.empty((3, 2), object)
    trap[:] = Trap(tmp_path / "sprung")
    assert isinstance(refusal(arrays(3, **{name: trap})), Unreadable)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["README", "w3", f"{SECRET_TEXT}.txt", "feature_names"])
def test_a_file_among_the_arrays_that_is_no_array_is_refused(refusal, name):
    saved = arrays(3) if name != "feature_names" else arrays(3, feature_names=None)
    refusal(with_file(saved_bytes(saved), name, SECRET_TEXT))


def encrypted(data):
    """Every entry of the zip directory says so: bit 0 of the flags, 8 bytes in."""
    return re.sub(rb"(PK\x01\x02....)\x00", b"\\1\x01", data, flags=re.DOTALL)


def headed_mean(header):
    return with_file(saved_bytes(arrays(3, mean=None)), "mean.npy", headed(header, bytes(16)))


UNLOADABLE = {
    "encrypted": encrypted(saved_bytes(arrays(3))),
    "cut short": saved_bytes(arrays(3))[:-40],
    "a header that is never closed": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (2,"),
    "a header of brackets": headed_mean("(" * 900),
    "a header of code": headed_mean("__import__('os').abort()"),
    "a type that is an empty tuple": headed_mean("{'descr': (), 'fortran_order': False, 'shape': (2,), }"),
    "an extent that is a truth": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2), }"),
    "more promised than there is": headed_mean("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }"),
}


@pytest.mark.parametrize("data", UNLOADABLE.values(), ids=UNLOADABLE)
def test_a_file_that_numpy_cannot_load_is_refused(refusal, data):
    error = refusal(data)
    assert (type(error), error.place) == (Unreadable, "model.npz")


OVERFLOWING = {
    "to infinity": (arrays(w1=np.array([[1e308, 1e308]]), mean=np.array([1e3, 1e3])), "identity"),
    "to no number": (arrays(2, w1=np.array([[1e308, 0.0]] * 2), w2=np.array([[1e9, -1e9]])), "sigmoid"),
    "in an order of its own": (arrays(mean=np.array([1.5e308, 0.0]), scale=np.array([1e308, 1.0])), "sigmoid"),
}


@pytest.mark.parametrize(("saved", "head"), OVERFLOWING.values(), ids=OVERFLOWING)
def test_a_model_that_overflows_in_its_own_self_test_is_refused(refusal, saved, head):
    card = {"features": [{"name": "backlog", "maximum": 1e6}, {"name": "distance"}]}
    refusal(saved, replace(LABEL, head=head), card)


def without_provenance(model):
    """The file of a model, whatever file it was made of."""
    return artifact.dumps(replace(model, manifest=replace(model.manifest, provenance={})))


@pytest.mark.parametrize(
    "rounds",
    [
        1_000,
        pytest.param(5_000, marks=pytest.mark.long),
        pytest.param(30_000, marks=[pytest.mark.long, pytest.mark.longest]),
    ],
)
@pytest.mark.parametrize("hidden", [(3,), (1, 1)], ids=str)
def test_a_file_with_a_bit_changed_is_refused_or_imported_as_the_same_model(tmp_path, hidden, rounds):
    dice, data = random.Random(6), saved_bytes(arrays(*hidden))
    path = tmp_path / "model.npz"
    path.write_bytes(data)
    expected = without_provenance(training_arrays(path, LABEL))
    for _ in range(rounds):
        place, bit = dice.randrange(len(data)), dice.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        try:
            imported = training_arrays(path, LABEL)
        except ModelError:
            continue
        assert without_provenance(imported) == expected, (place, bit)


def test_a_last_layer_that_the_directory_leaves_out_is_missed(refusal):
    data = saved_bytes(arrays(1, 1))
    entry = data.index(b"b2.npy", data.index(b"PK\1\2")) - 46
    error = refusal(data[: entry + 33] + b"\x80" + data[entry + 34 :])
    assert (type(error), error.place, error.reason) == (Unreadable, "model.npz", "not a sound zip archive")


def test_a_model_file_is_said_to_be_one_already(refusal, imported):
    assert refusal(artifact.dumps(imported(arrays(3)))).reason == "not in the training arrays; is this a model file already?"
    assert refusal(arrays(3, feature_names=None)).reason == "not in the training arrays"


def test_a_shape_that_leaves_numbers_out_is_refused(refusal):
    longer = npy(np.zeros(2)).replace(b"(2,)", b"(1,)")
    assert isinstance(refusal(with_file(saved_bytes(arrays(1, b1=None)), "b1.npy", longer)), Unreadable)


def test_any_number_of_names_without_a_letter_are_refused(refusal):
    endless = headed(f"{{'descr': '<U0', 'fortran_order': False, 'shape': ({10**12},), }}")
    error = refusal(with_file(saved_bytes(arrays(3, feature_names=None)), "feature_names.npy", endless))
    assert (type(error), error.place) == (Unreadable, "model.npz")


def test_an_array_with_its_checksum_broken_is_named(refusal):
    data = saved_bytes(arrays(3))
    error = refusal(data.replace(np.float64(500).tobytes(), np.float64(501).tobytes()))
    assert (type(error), error.place) == (Unreadable, "model.npz")
    assert error.reason.startswith("mean: ")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("place", ["source.npz", "card.json"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make, place):
    (tmp_path / "source.npz").write_bytes(saved_bytes(arrays(3)))
    (tmp_path / place).unlink(missing_ok=True)
    make(tmp_path / place)
    with pytest.raises(Unreadable) as refused:
        training_arrays(tmp_path / "source.npz", LABEL, tmp_path / "card.json")
    assert refused.value.place == place


@pytest.mark.parametrize("missing", ["source", "card"])
def test_a_file_that_is_not_there_is_named(tmp_path, missing):
    source, card = tmp_path / "source.npz", tmp_path / "card.json"
    if missing == "card":
        source.write_bytes(saved_bytes(arrays(3)))
    with pytest.raises(Unreadable) as refused:
        training_arrays(source, LABEL, card)
    assert refused.value.place == {"source": "source.npz", "card": "card.json"}[missing]
    assert os.strerror(errno.ENOENT) in refused.value.reason


def ranges(imported, **backlog):
    card = {"features": [{"name": "distance", "unit": "km"}, {"name": "backlog", **backlog}]}
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


def test_a_card_may_tell_of_more_features_than_the_model_has(imported):
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
    "lists 100,000 deep": ("[" * 100_000, "card"),
    "a minimum over its maximum": (card(minimum=SECRET_NUMBER, maximum=1), "card.features.backlog"),
    "a minimum that is text": (card(minimum=SECRET_TEXT), "card.features.backlog.minimum"),
    "a minimum that is a truth": (card(train_min=True), "card.features.backlog.minimum"),
    "a maximum that is not a number": (json.dumps(card(maximum=np.nan)), "card.features.backlog.maximum"),
    "a unit of two lines": (card(unit=f"{SECRET_TEXT}\nkm"), "card.features.backlog.unit"),
    "a description that is a number": (card(description=SECRET_NUMBER), "card.features.backlog.description"),
}


@pytest.mark.parametrize(("card", "place"), CARDS.values(), ids=CARDS)
def test_a_broken_card_is_refused_by_its_entry(refusal, card, place):
    refused = refusal(arrays(3), LABEL, card)
    assert (type(refused), refused.place) == (BadManifest, place)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"min": SECRET_NUMBER, "max": SECRET_NUMBER}, "holds 'min', 'max'; expected no name but name, unit, "),
        ({"minimum": 0, "max": SECRET_NUMBER}, "holds 'max'; "),
        ({"minimum": 0, "maximum": 9, "units": SECRET_TEXT}, "holds 'units'; "),
        ({"Minimum": None}, "holds 'Minimum'; "),
        ({"train_min": 0, "train_mx": SECRET_NUMBER}, "holds 'train_mx'; "),
        ({"\x1b[2J" + "x" * 99: 1}, f"holds '\\x1b[2J{'x' * 36}'; "),
        ({str(number): 1 for number in range(99)}, "holds '0', '1', '2', '3', '4'; "),
    ],
)
def test_a_name_that_a_card_does_not_know_is_told(refusal, entry, told):
    refused = refusal(arrays(3), LABEL, card(**entry))
    assert (type(refused), refused.place) == (BadManifest, "card.features.backlog")
    assert refused.reason.startswith(told)


def test_names_beside_the_features_and_in_features_that_the_model_has_not_are_let_be(imported):
    told = {"metrics": {}, "features": [*card()["features"], {"name": "weather", "min": 0}]}
    assert imported(arrays(3), LABEL, told).manifest.feature_names == ("backlog", "distance")


def test_a_feature_that_the_card_leaves_out_is_named(refusal):
    assert "distance" in refusal(arrays(3), LABEL, {"features": [{"name": "backlog"}]}).reason
