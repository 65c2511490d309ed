import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest

from model import errors
from model.errors import BadArray, BadManifest, MissingMember, NotFinite, ShapeMismatch, Unreadable
from tests.model_files import SECRET_NUMBER, SECRET_TEXT
from tests.training_arrays import LABEL, NAMES, arrays


def test_the_arrays_are_imported_unchanged_under_their_label(imported):
    saved = arrays(3)
    model = imported(saved)
    assert model.standardizer.mean.tolist() == saved["mean"].tolist()
    assert model.standardizer.scale.tolist() == saved["scale"].tolist()
    for number, layer in enumerate(model.network.layers, 1):
        assert layer.weights.tolist() == saved[f"w{number}"].tolist()
        assert layer.bias.tolist() == saved[f"b{number}"].tolist()
    manifest = model.manifest
    assert (manifest.name, manifest.version, manifest.threshold) == ("made", "1", 0.25)
    assert (manifest.created, manifest.description, manifest.head) == (LABEL.created, LABEL.description, "sigmoid")
    assert manifest.feature_names == NAMES


KINDS = {
    "float32": np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32),
    "Fortran order": np.asfortranarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    **{kind: np.array([[1, 2], [3, 4], [5, 6]]).astype(kind) for kind in (">f8", "longdouble", "int32", "uint64")},
}


@pytest.mark.parametrize("weights", KINDS.values(), ids=KINDS)
def test_real_numbers_of_any_type_and_order_become_float64(imported, weights):
    found = imported(arrays(3, w1=weights)).network.layers[0].weights
    assert (found.dtype, found.tolist()) == (np.float64, weights.tolist())


def test_the_self_test_covers_the_mean_each_side_and_the_ends_of_the_range(imported):
    card = {"features": [{"name": "backlog", "minimum": 0, "maximum": 9}, {"name": "distance", "maximum": 2000}]}
    orders = imported(arrays(3), LABEL, card).manifest.self_test.orders
    assert orders == ((4.0, 500.0), (2.0, 400.0), (6.0, 600.0), (0.0, 500.0), (9.0, 2000.0))


def test_the_provenance_contains_the_names_and_digests_of_the_files(imported, tmp_path):
    card = {"features": [{"name": name} for name in NAMES]}
    provenance = dict(imported(arrays(3), LABEL, card).manifest.provenance)
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("model.npz", "card.json")]
    source = {"source": "model.npz", "source_sha256": digests[0]}
    assert provenance == source | {"card": "card.json", "card_sha256": digests[1]}
    assert imported(arrays(3)).manifest.provenance == source


@pytest.mark.parametrize(
    ("hidden", "given", "expected"),
    [
        *(((), ("relu",), ("linear",)), ((), (), ("linear",)), ((3,), ("tanh",), ("tanh", "linear"))),
        ((3, 2, 2), ("gelu",), ("gelu", "gelu", "gelu", "linear")),
        ((3, 2), ("relu", "tanh"), ("relu", "tanh", "linear")),
    ],
)
def test_activations_are_one_for_all_hidden_layers_or_one_for_each(imported, hidden, given, expected):
    model = imported(arrays(*hidden), replace(LABEL, activations=given))
    assert model.manifest.activations == tuple(layer.activation for layer in model.network.layers) == expected


@pytest.mark.parametrize(
    ("hidden", "given"),
    [((3,), ()), ((3, 2), ()), ((3,), ("relu", "tanh")), ((3, 2, 2), ("relu", "tanh")), ((3, 2), ("relu", "tanh", "relu"))],
)
def test_any_other_number_of_activations_is_rejected(rejection, hidden, given):
    rejection(ShapeMismatch, "manifest.activations", arrays(*hidden), replace(LABEL, activations=given))


def named(*names):
    return arrays(3, feature_names=np.array(names))


BROKEN = {
    "no feature names": (arrays(3, feature_names=None), MissingMember, "feature_names"),
    "no mean": (arrays(3, mean=None), MissingMember, "mean"),
    "no layers": (arrays(w1=None, b1=None), MissingMember, "w1"),
    "no second layer": (arrays(3, 2, w2=None), MissingMember, "w2"),
    "another array": (arrays(3, extra=np.array([SECRET_NUMBER])), errors.UnknownMember, "extra"),
    "a name that is no identifier": (named("backlog", f"{SECRET_TEXT}!"), BadManifest, "feature_names[1].name"),
    "a reserved name": (named("order_id", "backlog"), BadManifest, "feature_names[0].name"),
    "names that are numbers": (named(1.0, SECRET_NUMBER), BadArray, "feature_names"),
    "names that are bytes": (named(b"backlog", SECRET_TEXT.encode()), BadArray, "feature_names"),
    "a name given twice": (named("backlog", "backlog"), BadManifest, "manifest.features"),
    "a name too few": (named("backlog"), ShapeMismatch, "mean"),
    "no names": (arrays(3, feature_names=np.array([], "U1")), ShapeMismatch, "mean"),
    "complex weights": (arrays(3, w1=np.full((3, 2), SECRET_NUMBER + 1j)), BadArray, "w1"),
    "weights that are truths": (arrays(3, w1=np.ones((3, 2), bool)), BadArray, "w1"),
    "weights that are text": (arrays(3, w1=np.full((3, 2), SECRET_TEXT)), BadArray, "w1"),
    "weights transposed": (arrays(3, w1=np.ones((2, 3))), ShapeMismatch, "w1"),
    "a scale of zero": (arrays(3, scale=np.array([2.0, 0.0])), errors.ScaleNotPositive, "scale"),
    "a weight that is not a number": (arrays(3, b1=np.array([0.0, np.nan, 0.0])), NotFinite, "b1"),
    "a long double over every float64": (arrays(b1=np.array([np.finfo(np.longdouble).max])), NotFinite, "b1"),
    "no zip": (SECRET_TEXT.encode() * 9, Unreadable, "model.npz"),
    "nothing": (b"", Unreadable, "model.npz"),
    "a pickle": (pickle.dumps({"w1": SECRET_TEXT}), Unreadable, "model.npz"),
}


@pytest.mark.parametrize(("saved", "error", "location"), BROKEN.values(), ids=BROKEN)
def test_broken_training_arrays_are_rejected(rejection, saved, error, location):
    rejection(error, location, saved)


@pytest.mark.parametrize(
    ("change", "error", "location"),
    [
        ({"name": f"{SECRET_TEXT}!"}, BadManifest, "manifest.name"),
        ({"version": ""}, BadManifest, "manifest.version"),
        ({"created": SECRET_TEXT}, BadManifest, "manifest.created"),
        *(({"threshold": value}, BadManifest, "manifest.threshold") for value in (SECRET_NUMBER, np.nan, np.inf)),
        ({"description": f"{SECRET_TEXT}\ud800"}, BadManifest, "manifest.description"),
        ({"head": SECRET_TEXT}, errors.UnknownName, "manifest.head"),
        ({"activations": (SECRET_TEXT,)}, errors.UnknownName, "activation of layer 1"),
    ],
)
def test_a_label_that_the_format_does_not_take_is_rejected(rejection, change, error, location):
    rejection(error, location, arrays(3), replace(LABEL, **change))
