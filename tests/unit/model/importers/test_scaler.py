"""The mean and scale beside a network."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from model.errors import BadArray, BadManifest, MissingMember, ModelError, ScaleNotPositive, ShapeMismatch, UnknownMember
from model.importers.arrays import training_arrays
from tests.model_files import SECRET_TEXT, Trap, rejects
from tests.training_arrays import LABEL, NAMES, arrays, saved_bytes

PLAIN = arrays(3)
NETWORK = save({f"{at}.{kind}": PLAIN[f"{kind[0]}{at + 1}"] for at in range(2) for kind in ("weight", "bias")})
STANDARD = {"mean": PLAIN["mean"], "scale": PLAIN["scale"]}
NUMBERS = {name: array.tolist() for name, array in STANDARD.items()}


@pytest.fixture
def model_of(tmp_path):
    """Import a network with this scaler: JSON, arrays or bytes."""

    def model_of(scaler, features=(), source=NETWORK):
        (tmp_path / "network").write_bytes(source)
        data = scaler if isinstance(scaler, bytes) else json.dumps(scaler).encode()
        (tmp_path / "scaler").write_bytes(data)
        return training_arrays(tmp_path / "network", replace(LABEL, features=features), scaler=tmp_path / "scaler")

    return model_of


@pytest.mark.parametrize("saved", ["json", "npz", "npz of float32"])
def test_mean_scale_and_names_are_read_from_json_and_npz(model_of, tmp_path, saved):
    names = {"feature_names": list(NAMES)}
    kind = np.float32 if "float32" in saved else np.float64
    data = NUMBERS | names if saved == "json" else saved_bytes({k: v.astype(kind) for k, v in STANDARD.items()} | names)
    model = model_of(data)
    assert model.manifest.input_names == NAMES
    assert (model.standardizer.mean.tolist(), model.standardizer.scale.tolist()) == (NUMBERS["mean"], NUMBERS["scale"])
    assert model.manifest.provenance["scaler"] == "scaler"
    assert len(model.manifest.provenance["scaler_sha256"]) == 64


def test_given_names_win_over_those_of_the_scaler(model_of):
    assert model_of(NUMBERS | {"feature_names": ["a", "b"]}, NAMES).manifest.input_names == NAMES


@pytest.mark.parametrize("features", [("one",), ("one", "two", "three"), ("one", "one"), ("one", "2"), ("one", "")])
def test_names_that_do_not_fit_are_rejected(model_of, features):
    with pytest.raises(ModelError):
        model_of(NUMBERS, features)


BROKEN = {
    "no JSON": (SECRET_TEXT.encode(), BadManifest, "scaler"),
    "a list": ([1, 2], BadManifest, "scaler"),
    "no scale": ({"mean": [1, 2]}, BadManifest, "scaler.scale"),
    "an unknown entry": (NUMBERS | {SECRET_TEXT: 1}, BadManifest, "scaler"),
    "a text": (NUMBERS | {"mean": [SECRET_TEXT, 1]}, BadManifest, "scaler.mean[0]"),
    "too few": (NUMBERS | {"mean": [1.0]}, ShapeMismatch, "mean"),
    "a scale of 0": (NUMBERS | {"scale": [0, 1]}, ScaleNotPositive, "scale"),
    "an array too many": (saved_bytes(STANDARD | {"var": np.ones(2)}), UnknownMember, "var"),
    "no mean": (saved_bytes({"scale": np.ones(2)}), MissingMember, "mean"),
    "texts": (saved_bytes(STANDARD | {"mean": np.array(["a", "b"])}), BadArray, "mean"),
}


@pytest.mark.parametrize(("scaler", "error", "location"), BROKEN.values(), ids=BROKEN)
def test_a_broken_scaler_is_rejected_by_its_entry(model_of, scaler, error, location):
    with rejects(error, location) as rejected:
        model_of(scaler, NAMES)
    assert SECRET_TEXT not in str(rejected.value)


def test_objects_in_a_scaler_are_not_unpickled(model_of, tmp_path):
    trap = np.empty(2, object)
    trap[:] = Trap(tmp_path / "sprung")
    with pytest.raises(ModelError):
        model_of(saved_bytes(STANDARD | {"mean": trap}), NAMES)
    assert not (tmp_path / "sprung").exists()


def test_a_scaler_beside_arrays_that_have_one_is_rejected(model_of):
    with rejects(BadManifest, "scaler") as rejected:
        model_of(NUMBERS, source=saved_bytes(PLAIN))
    assert rejected.value.reason == "the network's file has its own mean and scale; leave the scaler out"


def test_given_names_replace_those_of_arrays(tmp_path):
    (tmp_path / "model.npz").write_bytes(saved_bytes(PLAIN))
    model = training_arrays(tmp_path / "model.npz", replace(LABEL, features=("one", "two")))
    assert model.manifest.input_names == ("one", "two")
