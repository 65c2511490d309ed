import hashlib
import io
import json
import time

import numpy as np
import pytest
from hypothesis import given

from model import artifact
from model.default import default_model
from model.errors import (
    BadArray,
    BadManifest,
    DigestMismatch,
    MissingMember,
    ModelError,
    NotFinite,
    ScaleNotPositive,
    SelfTestFailed,
    ShapeMismatch,
    UnknownMember,
)
from tests.model.making import models
from tests.model.surgery import (
    GOOD,
    MISSING,
    SECRET_NUMBER,
    SECRET_TEXT,
    SECRETS,
    changed,
    described,
    document,
    edited,
    members,
    npy,
    with_manifest,
    zipped,
)


def same(found, expected):
    """Manifest and every number, to the bit."""

    def arrays(model):
        layers = [(each.weights, each.bias) for each in model.network.layers]
        return [model.standardizer.mean, model.standardizer.scale, *(array for pair in layers for array in pair)]

    pairs = zip(arrays(found), arrays(expected), strict=True)
    return found.manifest == expected.manifest and all(
        (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()) for one, other in pairs
    )


@given(models())
def test_a_model_comes_back_as_it_was_written(model):
    assert same(artifact.loads(artifact.dumps(model)), model)


@given(models())
def test_a_model_read_and_written_again_gives_the_same_bytes(model):
    data = artifact.dumps(model)
    assert artifact.dumps(artifact.loads(data)) == data


def test_a_file_does_not_tell_when_it_was_written(monkeypatch):
    early = artifact.dumps(default_model())
    later = time.time() + 1e9
    monkeypatch.setattr(time, "time", lambda: later)
    assert artifact.dumps(default_model()) == early


def test_numpy_reads_the_file_without_pickle():
    with np.load(io.BytesIO(GOOD), allow_pickle=False) as bundle:
        assert bundle.files == ["manifest", "mean", "scale", "w1", "b1", "w2", "b2"]
        assert bundle["w2"].tolist() == [[0.9, 0.7, 0.6]]
        assert json.loads(bundle["manifest"].tobytes())["name"] == "delivery-risk"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_made_by_hand_is_read(save):
    feature = {"name": "backlog"}
    described = document() | {"features": [feature], "activations": ["relu"], "self_test": {"orders": [[3]], "scores": [[0.5]]}}
    del described["provenance"]
    text = np.frombuffer(json.dumps(described).encode(), np.uint8)
    file = io.BytesIO()
    save(
        file,
        b2=np.zeros(1),
        w2=np.ones((1, 2)),
        b1=np.zeros(2),
        w1=np.ones((2, 1)),
        scale=np.ones(1),
        mean=np.array([4.0]),
        manifest=text,
    )
    model = artifact.loads(file.getvalue())
    assert model.manifest.activations == ("relu", "linear")
    assert model.outputs(np.array([[5.0]])).logits.tolist() == [[2.0]]


def test_the_digest_is_that_of_the_bytes():
    assert artifact.loads(GOOD).sha256 == hashlib.sha256(GOOD).hexdigest()


def test_a_file_with_the_digest_asked_for_is_read():
    assert same(artifact.loads(GOOD, hashlib.sha256(GOOD).hexdigest()), default_model())


def array(name, value):
    return changed({f"{name}.npy": npy(np.array(value, np.float64))})


WIDE = np.full((3, 3), SECRET_NUMBER)
THREE_LAYERS = changed(
    {
        "w3.npy": npy(np.ones((1, 1))),
        "b3.npy": npy(np.zeros(1)),
        "manifest.npy": members(with_manifest(edited(["activations"], ["relu"])))["manifest.npy"],
    }
)
SCORES = ("self_test", "scores")

BROKEN = {
    "no manifest": (changed({"manifest.npy": None}), MissingMember, "manifest"),
    "no mean": (changed({"mean.npy": None}), MissingMember, "mean"),
    "no scale": (changed({"scale.npy": None}), MissingMember, "scale"),
    "no w1": (changed({"w1.npy": None}), MissingMember, "w1"),
    "no w2": (changed({"w2.npy": None}), MissingMember, "w2"),
    "no b1": (changed({"b1.npy": None}), MissingMember, "b1"),
    "no b2": (changed({"b2.npy": None}), MissingMember, "b2"),
    "no array at all": (zipped([]), MissingMember, "manifest"),
    "a layer left out": (array("w4", WIDE), MissingMember, "w3"),
    "a bias too many": (array("b3", [SECRET_NUMBER]), MissingMember, "w3"),
    "a bias of layer 0": (array("b0", [SECRET_NUMBER]), UnknownMember, "b0"),
    "a layer of a leading zero": (array("w01", WIDE), UnknownMember, "w01"),
    "another array": (array("extra", [SECRET_NUMBER]), UnknownMember, "extra"),
    "weights in bytes": (changed({"w1.npy": npy(np.zeros((3, 3), np.uint8))}), BadArray, "w1"),
    "a manifest in floats": (array("manifest", [SECRET_NUMBER]), BadArray, "manifest"),
    "a manifest in rows": (changed({"manifest.npy": npy(np.zeros((2, 2), np.uint8))}), BadArray, "manifest"),
    "weights of no dimension": (changed({"w1.npy": described("'<f8'", "()", b"\0" * 8)}), ShapeMismatch, "w1"),
    "a mean of no dimension": (changed({"mean.npy": described("'<f8'", "()", b"\0" * 8)}), ShapeMismatch, "mean"),
    "a mean too long": (array("mean", [SECRET_NUMBER] * 4), ShapeMismatch, "mean"),
    "a mean for all": (array("mean", [SECRET_NUMBER]), ShapeMismatch, "mean"),
    "a scale for all": (array("scale", [SECRET_NUMBER]), ShapeMismatch, "scale"),
    "weights for other features": (array("w1", np.ones((3, 2))), ShapeMismatch, "w1"),
    "layers that do not chain": (array("w2", [[SECRET_NUMBER] * 4]), ShapeMismatch, "w2"),
    "weights transposed": (array("w2", [[SECRET_NUMBER]] * 3), ShapeMismatch, "w2"),
    "weights of no units": (array("w1", np.zeros((0, 3))), ShapeMismatch, "w1"),
    "a bias that would be broadcast": (array("b1", [SECRET_NUMBER]), ShapeMismatch, "b1"),
    "a bias in a row": (array("b1", [[SECRET_NUMBER] * 3]), ShapeMismatch, "b1"),
    "a weight that is not a number": (array("w1", [[1.0, np.nan, 1.0]] * 3), NotFinite, "w1"),
    "an infinite weight": (array("w2", [[1.0, 1.0, -np.inf]]), NotFinite, "w2"),
    "an infinite bias": (array("b2", [np.inf]), NotFinite, "b2"),
    "a mean that is not a number": (array("mean", [5.0, np.nan, 5.0]), NotFinite, "mean"),
    "a scale that is not a number": (array("scale", [2.0, 2.0, np.nan]), NotFinite, "scale"),
    "a scale of zero": (array("scale", [2.0, 0.0, 2.0]), ScaleNotPositive, "scale"),
    "a negative scale": (array("scale", [2.0, -SECRET_NUMBER, 2.0]), ScaleNotPositive, "scale"),
    "a subnormal scale": (array("scale", [2.0, 5e-324, 2.0]), ScaleNotPositive, "scale"),
    "too many activations": (with_manifest(edited(["activations"], ["relu"] * 3)), ShapeMismatch, "manifest.activations"),
    "an activation for one of three layers": (THREE_LAYERS, ShapeMismatch, "manifest.activations"),
    "a manifest that is no JSON": (with_manifest(SECRET_TEXT.encode()), BadManifest, "manifest"),
    "an empty manifest": (with_manifest(b""), BadManifest, "manifest"),
    "a manifest of format 2": (with_manifest(edited(["format"], 2)), BadManifest, "manifest.format"),
    "a manifest without a head": (with_manifest(edited(["head"], MISSING)), BadManifest, "manifest.head"),
    "a self-test order too short": (
        with_manifest(edited(["self_test", "orders", 1], [1.0])),
        ShapeMismatch,
        "manifest.self_test.orders",
    ),
    "a self-test score too many": (with_manifest(edited([*SCORES, 1], [0.5, 0.5])), ShapeMismatch, "manifest.self_test.scores"),
    "a self-test score missing": (with_manifest(edited([*SCORES], [[0.5]])), ShapeMismatch, "manifest.self_test.scores"),
    "a self-test that does not come out": (
        with_manifest(edited([*SCORES, 1, 0], SECRET_NUMBER)),
        SelfTestFailed,
        "manifest.self_test",
    ),
    "another weight": (array("w2", [[0.9, 0.7, 0.600001]]), SelfTestFailed, "manifest.self_test"),
}


@pytest.mark.parametrize(("data", "error", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_by_what_is_wrong_in_it(data, error, place):
    with pytest.raises(ModelError) as refused:
        artifact.loads(data)
    assert (type(refused.value), refused.value.place) == (error, place)
    assert str(refused.value) == f"{place}: {refused.value.reason}"
    assert not any(secret in str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize("name", ["mean", "scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_by_its_feature(name, value):
    with pytest.raises(NotFinite, match="backlog"):
        artifact.loads(array(name, [2.0, value, 2.0]))


@pytest.mark.parametrize("digest", [SECRET_TEXT, "", "0" * 64, hashlib.sha256(GOOD).hexdigest()[:-1]])
def test_a_file_with_another_digest_is_refused(digest):
    with pytest.raises(DigestMismatch) as refused:
        artifact.loads(GOOD, digest)
    assert refused.value.place == "file"
    assert SECRET_TEXT not in str(refused.value)
