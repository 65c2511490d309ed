"""Archives of sound arrays that make no sound model: name: (bytes or what makes them, error, location)."""

import json
from collections.abc import Sequence

import numpy as np

from model.artifact import manifest
from model.errors import (
    BadArray,
    BadManifest,
    MissingMember,
    NotFinite,
    ScaleNotPositive,
    SelfTestFailed,
    ShapeMismatch,
    TooLarge,
    UnknownMember,
)
from tests.model_files import (
    MISSING,
    SECRET_NUMBER,
    SECRET_TEXT,
    changed,
    described,
    document,
    edited,
    members,
    npy,
    referred_document,
    with_manifest,
    zipped,
)


def array(name: str, value: object) -> bytes:
    return changed({f"{name}.npy": npy(np.array(value, np.float64))})


def wide(units: int, orders: int) -> bytes:
    """A sound model but for its self-test: so many orders for a hidden layer of so many units."""
    entries = {"features": [{"name": "backlog"}], "self_test": {"orders": [[0]] * orders, "scores": [[0.5]] * orders}}
    layers = {"w1": np.zeros((units, 1)), "b1": np.zeros(units), "w2": np.zeros((1, units)), "b2": np.zeros(1)}
    arrays = {"mean": np.zeros(1), "scale": np.ones(1), **layers}
    text = np.frombuffer(json.dumps(document() | entries).encode(), np.uint8)
    return zipped((f"{name}.npy", npy(value)) for name, value in {"manifest": text, **arrays}.items())


def names(count: int) -> bytes:
    return json.dumps(dict.fromkeys(f"{number:x}" for number in range(count))).encode()


def referred(path: Sequence[str | int], value: object) -> bytes:
    """The good file with a sound reference but for one entry, replaced, added or left out."""
    return with_manifest(edited(["reference", *path], value, referred_document()))


WIDE = np.full((3, 3), SECRET_NUMBER)
THREE_LAYERS = changed(
    {
        "w3.npy": npy(np.ones((1, 1))),
        "b3.npy": npy(np.zeros(1)),
        "manifest.npy": members(with_manifest(edited(["activations"], ["relu"])))["manifest.npy"],
    }
)
SCORES = ("self_test", "scores")

TEXT = json.dumps(document())
NOT_JSON = {
    "empty": b"",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": TEXT.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "no JSON": SECRET_TEXT.encode(),
    "cut short": TEXT[:-1].encode(),
    "more behind it": TEXT.encode() + b"{}",
    "a comment": TEXT.encode() + b"// " + SECRET_TEXT.encode(),
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


MODELS = {
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
    "a self-test of many orders for a wide layer": (wide(100_000, 20_000), TooLarge, "manifest.self_test.orders"),
    "a scale just under the normal numbers": (array("scale", [2.0, 2.2250738585072009e-308, 2.0]), ScaleNotPositive, "scale"),
    "an entry that the format does not know": (with_manifest(edited([SECRET_TEXT], 1)), BadManifest, "manifest"),
    "a threshold in text": (with_manifest(edited(["threshold"], "0.5")), BadManifest, "manifest.threshold"),
    "a threshold of 400 digits": (with_manifest(edited(["threshold"], 10**400)), BadManifest, "manifest.threshold"),
    "a threshold that is a truth": (with_manifest(edited(["threshold"], True)), BadManifest, "manifest.threshold"),
    "a feature that is a list": (with_manifest(edited(["features", 1], [])), BadManifest, "manifest.features[1]"),
    "a feature given twice": (with_manifest(edited(["features", 2, "name"], "backlog")), BadManifest, "manifest.features"),
    "a manifest that is a list": (with_manifest(b"[]"), BadManifest, "manifest"),
    "a manifest of a million lists": (with_manifest(b"[" + b"[]," * 690_000 + b"[]]"), BadManifest, "manifest"),
    "a manifest of 100,000 names": (with_manifest(names(100_000)), BadManifest, "manifest.format"),
    "a manifest over the limit": (with_manifest(b" " * (manifest.LIMIT + 1)), TooLarge, "manifest"),
}
BACKLOG = ("zscores", "backlog")
REFERENCES = {
    "that is a list": ((), [], ""),
    "of an entry that the format does not know": ([SECRET_TEXT], 1, ""),
    "of no orders": (["orders"], 0, ".orders"),
    "of orders in text": (["orders"], "10", ".orders"),
    "of more orders than its scores": (["orders"], 11, ".scores.counts"),
    "without a review share": (["review"], MISSING, ".review"),
    "of more reviews than orders": (["review"], 11, ".review"),
    "without scores": (["scores"], MISSING, ".scores"),
    "by other edges": (["scores", "edges", 0], SECRET_NUMBER, ".scores.edges"),
    "by an edge that is not finite": (["scores", "edges", 0], 10**400, ".scores.edges[0]"),
    "of too few counts": (["scores", "counts"], [10], ".scores.counts"),
    "of a count that is not whole": (["scores", "counts", 0], 4.0, ".scores.counts[0]"),
    "of a negative count": (["scores", "counts"], [14, -4, *[0] * 19], ".scores.counts[1]"),
    "of scores over 1": (["scores", "counts"], [4, *[0] * 19, 6], ".scores.counts"),
    "of a million counts": (["scores", "counts"], [0] * 600_000, ".scores.counts"),
    "without a feature": (BACKLOG, MISSING, ".zscores.backlog"),
    "of a feature that the model has not": (["zscores", SECRET_TEXT], {}, ".zscores"),
    "of z-scores that do not add up": ([*BACKLOG, "counts", 0], 1, ".zscores.backlog.counts"),
    "of z-scores by the edges of scores": ([*BACKLOG, "edges", 0], 0.05, ".zscores.backlog.edges"),
    "of an empty calibration": (["calibration"], [], ".calibration"),
    "of a calibration in another order": (["calibration", 0, "to"], 0.1, ".calibration"),
    "of a calibration of other orders": (["calibration", 0, "orders"], 3, ".calibration"),
    "of a mean outside its bin": (["calibration", 1, "mean_score"], 0.9, ".calibration[1].mean_score"),
    "of a rate over 1": (["calibration", 1, "observed_rate"], 1.5, ".calibration[1].observed_rate"),
    "of half an order late": (["calibration", 1, "observed_rate"], 0.25, ".calibration[1].observed_rate"),
}
MODELS |= {
    f"a reference {name}": (referred(path, value), BadManifest, f"manifest.reference{location}")
    for name, (path, value, location) in REFERENCES.items()
}
MODELS |= {f"a manifest: {name}": (with_manifest(text), BadManifest, "manifest") for name, text in NOT_JSON.items()}
