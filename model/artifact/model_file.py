"""The model file, format 1: a .npz that NumPy can read without pickle.

    manifest   uint8    UTF-8 JSON, see manifest.py
    mean       (F,)     float64, in each feature's own unit
    scale      (F,)     float64, positive
    w1, b1     (U1, F), (U1,)   float64; a layer computes x @ w.T + b
    w2, b2, …  (U2, U1), (U2,)  and so on, one pair for each layer

A file is valid only if it has no other members, shapes that match, finite numbers, and a self-test whose orders get the
scores in the file. The digest is the SHA-256 of the bytes that were read.
"""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import files
from model.artifact import manifest, npz
from model.core.batch import Floats
from model.core.manifest import Manifest
from model.core.network import Layer, Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from model.errors import BadArray, DigestMismatch, MissingMember, ShapeMismatch, UnknownMember

_LAYER = re.compile(r"[wb][1-9][0-9]{0,2}")
_KNOWN = re.compile(f"manifest|mean|scale|{_LAYER.pattern}")


def dumps(model: RiskModel) -> bytes:
    """The file of this model. The same model gives the same bytes."""
    text = np.frombuffer(manifest.write(model.manifest), np.uint8)
    arrays: dict[str, npt.NDArray[np.generic]] = {"manifest": text}
    arrays |= {"mean": model.standardizer.mean, "scale": model.standardizer.scale}
    for number, layer in enumerate(model.network.layers, 1):
        arrays |= {f"w{number}": layer.weights, f"b{number}": layer.bias}
    return npz.write(arrays)


def loads(data: bytes, sha256: str | None = None) -> RiskModel:
    """The model in these bytes, self-test passed. Raises ModelError: DigestMismatch if `sha256` is another digest."""
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and sha256 != digest:
        raise DigestMismatch("file", f"its SHA-256 is {digest}, which is not the expected one")
    arrays = npz.read(data, _KNOWN)
    text = arrays.pop("manifest", None)
    if text is None:
        raise MissingMember("manifest", "not in the file")
    if text.dtype != np.uint8 or text.ndim != 1:
        raise BadArray("manifest", "expected one dimension of uint8")
    model = assemble(manifest.read(text.tobytes()), {name: _float64(name, array) for name, array in arrays.items()})
    model = replace(model, sha256=digest)
    model.check_self_test()
    return model


def assemble(described: Manifest, arrays: dict[str, Floats]) -> RiskModel:
    """The model of a manifest and the arrays mean, scale, w1, b1, w2, … Raises ModelError."""
    depth = max((int(name[1:]) for name in arrays if _LAYER.fullmatch(name)), default=1)
    layers = range(1, depth + 1)
    expected = ["mean", "scale", *(f"{kind}{number}" for number in layers for kind in "wb")]
    for name in expected:
        if name not in arrays:
            raise MissingMember(name, "not in the file")
    for name in arrays:
        if name not in expected:
            raise UnknownMember(name, "not part of the format")
    activations = described.activations + ("linear",) * (len(described.activations) == depth - 1)
    if len(activations) != depth:
        raise ShapeMismatch("manifest.activations", f"{len(activations)} activations for {depth} layers")
    return RiskModel(
        replace(described, activations=activations),
        Standardizer(arrays["mean"], arrays["scale"], described.feature_names),
        Network([Layer(arrays[f"w{n}"], arrays[f"b{n}"], name) for n, name in zip(layers, activations, strict=True)]),
    )


def read(path: Path | str, sha256: str | None = None) -> RiskModel:
    """The model in this file, which is read once. Raises ModelError."""
    return loads(files.read(path, npz.LIMIT), sha256)


def write(model: RiskModel, path: Path | str) -> RiskModel:
    """Write the model completely or not at all, and return it as read back from its bytes. Raises ModelError and OSError."""
    data = dumps(model)
    written = loads(data)
    target = Path(path)
    with files.draft(target.parent, f".{target.name}.", data) as draft:
        os.replace(draft, target)
    return written


def _float64(name: str, array: npt.NDArray[np.generic]) -> Floats:
    if array.dtype != np.float64:
        raise BadArray(name, "expected float64")
    return array.astype(np.float64, copy=False)
