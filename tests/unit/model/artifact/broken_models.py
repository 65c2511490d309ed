"""Valid archives that are no valid model: name: (bytes, error, location). Entries of manifests are in test_manifest.py."""

import json

import numpy as np

from model import errors
from model.artifact import manifest
from tests import model_files
from tests.model_files import SECRET_NUMBER, changed, document, edited, members, npy, with_manifest, zipped


def array(name: str, value: object) -> bytes:
    return changed({f"{name}.npy": npy(np.array(value, np.float64))})


def wide(units: int, orders: int) -> bytes:
    """A valid model but for its self-test: this many orders for a hidden layer of this many units."""
    entries = {"features": [{"name": "backlog"}], "self_test": {"orders": [[0]] * orders, "scores": [[0.5]] * orders}}
    layers = {"w1": np.zeros((units, 1)), "b1": np.zeros(units), "w2": np.zeros((1, units)), "b2": np.zeros(1)}
    arrays = {"mean": np.zeros(1), "scale": np.ones(1), **layers}
    text = np.frombuffer(json.dumps(document() | entries).encode(), np.uint8)
    return zipped((f"{name}.npy", npy(value)) for name, value in {"manifest": text, **arrays}.items())


NO_DIMENSION = model_files.described("'<f8'", "()", b"\0" * 8)
WIDE = np.full((3, 3), SECRET_NUMBER)
ONE_OF_THREE = members(with_manifest(edited(["activations"], ["relu"])))["manifest.npy"]
THREE_LAYERS = changed({"w3.npy": npy(np.ones((1, 1))), "b3.npy": npy(np.zeros(1)), "manifest.npy": ONE_OF_THREE})
NAMES = json.dumps(dict.fromkeys(f"{number:x}" for number in range(100_000))).encode()
MANY_COUNTS = edited(["reference", "scores", "counts"], [0] * 600_000, model_files.referred_document())

TEXT = json.dumps(document())
NOT_JSON = {
    "empty": b"",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": TEXT.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "no JSON": model_files.SECRET_TEXT.encode(),
    "cut short": TEXT[:-1].encode(),
    "more behind it": TEXT.encode() + b"{}",
    "a comment": TEXT.encode() + b"// " + model_files.SECRET_TEXT.encode(),
    "a name given twice": b'{"name": "tattletale", ' + TEXT[1:].encode(),
    "a name given twice inside": TEXT.replace('"unit":', '"unit": "km", "unit":', 1).encode(),
    "a name given twice in what is no entry": b'{"other": {"a": 1, "a": 2}, ' + TEXT[1:].encode(),
    "NaN": TEXT.replace("0.6", "NaN").encode(),
    "infinity": TEXT.replace("0.6", "Infinity").encode(),
    "minus infinity": TEXT.replace("0.6", "-Infinity").encode(),
    "a number of 5,000 digits": TEXT.replace("0.6", "8675309" * 800).encode(),
    "lists 100,000 deep": b"[" * 100_000,
    "closed lists 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"a":' * 100_000,
}

ARRAYS = {
    "a layer left out": (array("w4", WIDE), errors.MissingMember, "w3"),
    "a bias too many": (array("b3", [SECRET_NUMBER]), errors.MissingMember, "w3"),
    "a bias of layer 0": (array("b0", [SECRET_NUMBER]), errors.UnknownMember, "b0"),
    "a layer of a leading zero": (array("w01", WIDE), errors.UnknownMember, "w01"),
    "weights in bytes": (changed({"w1.npy": npy(np.zeros((3, 3), np.uint8))}), errors.BadArray, "w1"),
    "weights of no dimension": (changed({"w1.npy": NO_DIMENSION}), errors.ShapeMismatch, "w1"),
    "a mean of no dimension": (changed({"mean.npy": NO_DIMENSION}), errors.ShapeMismatch, "mean"),
    "a scale for all": (array("scale", [SECRET_NUMBER]), errors.ShapeMismatch, "scale"),
    "weights for other features": (array("w1", np.ones((3, 2))), errors.ShapeMismatch, "w1"),
    "weights transposed": (array("w2", [[SECRET_NUMBER]] * 3), errors.ShapeMismatch, "w2"),
    "a bias that would be broadcast": (array("b1", [SECRET_NUMBER]), errors.ShapeMismatch, "b1"),
    "an infinite weight": (array("w2", [[1.0, 1.0, -np.inf]]), errors.NotFinite, "w2"),
    "a mean that is not a number": (array("mean", [5.0, np.nan, 5.0]), errors.NotFinite, "mean"),
    "a scale of zero": (array("scale", [2.0, 0.0, 2.0]), errors.ScaleNotPositive, "scale"),
    "another weight": (array("w2", [[0.9, 0.7, 0.600001]]), errors.SelfTestFailed, "manifest.self_test"),
    "a self-test of many orders for a wide layer": (wide(100_000, 20_000), errors.TooLarge, "manifest.self_test.orders"),
    "a manifest in floats": (array("manifest", [SECRET_NUMBER]), errors.BadArray, "manifest"),
    "a manifest in rows": (changed({"manifest.npy": npy(np.zeros((2, 2), np.uint8))}), errors.BadArray, "manifest"),
    "an activation for one of three layers": (THREE_LAYERS, errors.ShapeMismatch, "manifest.activations"),
}
MANIFESTS = {
    "three activations": (edited(["activations"], ["relu"] * 3), errors.ShapeMismatch, ".activations"),
    "a short self-test order": (edited(["self_test", "orders", 1], [1.0]), errors.ShapeMismatch, ".self_test.orders"),
    "a self-test score missing": (edited(["self_test", "scores"], [[0.5]]), errors.ShapeMismatch, ".self_test.scores"),
    "another self-test": (edited(["self_test", "scores", 1, 0], SECRET_NUMBER), errors.SelfTestFailed, ".self_test"),
    "a threshold in text": (edited(["threshold"], "0.5"), errors.BadManifest, ".threshold"),
    "a list": (b"[]", errors.BadManifest, ""),
    "a million lists": (b"[" + b"[]," * 690_000 + b"[]]", errors.BadManifest, ""),
    "100,000 names": (NAMES, errors.BadManifest, ".format"),
    "over the limit": (b" " * (manifest.LIMIT + 1), errors.TooLarge, ""),
    "a reference of a million counts": (MANY_COUNTS, errors.BadManifest, ".reference.scores.counts"),
    **{name: (text, errors.BadManifest, "") for name, text in NOT_JSON.items()},
}
MODELS = {
    "no array at all": (zipped([]), errors.MissingMember, "manifest"),
    **{f"no {name}": (changed({f"{name}.npy": None}), errors.MissingMember, name) for name in model_files.ARRAYS},
    **ARRAYS,
    **{f"a manifest: {name}": (with_manifest(t), error, f"manifest{at}") for name, (t, error, at) in MANIFESTS.items()},
}
