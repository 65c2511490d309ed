"""Imports the arrays that a training script saved.

The source is a .npz of plain arrays: feature_names (F,), mean (F,), scale (F,), w1 (U1, F), b1 (U1,), w2, b2, … of any real
type and order; weights are (units, inputs). With check_x (n, F) and check_scores (n,) or (n, outputs) the model is compared
with the scores that the script expects.

A card is JSON with a list `features` of objects with `name`, `unit`, `description` and the range of the training data, either
`minimum` and `maximum` or `train_min` and `train_max`. An entry with `train_min` and `train_max` is a record of the training
script: its other statistics are ignored. Any other entry may have only these names, so that a misspelt name does not lose a
range.

A preparation, see preparation.py, takes the place of a card. With one, check_x has features: the network alone is compared.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model import files
from model.artifact import checks, inputs, manifest, model_file, npz
from model.core.batch import Floats
from model.core.manifest import Input, Manifest, SelfTest
from model.core.risk_model import RiskModel
from model.errors import BadArray, BadManifest, MissingMember, NotFinite, ShapeMismatch
from model.importers import comparison, self_test, training_file
from model.importers import preparation as preparation_file
from model.importers.comparison import TOLERANCE, ExpectedScores

_SPELLINGS = {"name": "name", "unit": "unit", "description": "description", "minimum": "train_min", "maximum": "train_max"}
_NAMES = dict.fromkeys((*_SPELLINGS, *_SPELLINGS.values()))
_RECORD = {"train_min", "train_max"}
_CHECK: Sequence[str] = ("check_x", "check_scores")
_MOST_NAMES, _LONGEST_NAME = 5, 40


@dataclass(frozen=True, slots=True)
class Label:
    """What the arrays do not contain: the identity of the version, its threshold, its head and its activations.

    `activations` has one name for all hidden layers, or one for each.
    """

    name: str
    version: str
    threshold: float
    created: str
    description: str = ""
    activations: tuple[str, ...] = ("relu",)
    head: str = "sigmoid"


def training_arrays(
    source: Path | str,
    label: Label,
    card: Path | str | None = None,
    tolerance: float = TOLERANCE,
    preparation: Path | str | None = None,
) -> RiskModel:
    """The model in a training script's .npz, without a card or without a preparation. Its self-test has its own scores.

    Raises ModelError.

    OtherScores if it differs by more than the tolerance from the scores that are expected in the file.
    """
    content = files.read(source, npz.LIMIT, Path(source).name)
    arrays = training_file.load(Path(source).name, content)
    names = arrays.pop("feature_names")
    given = {name: _float64(name, arrays.pop(name)) for name in _CHECK if name in arrays}
    if names.dtype.kind != "U":
        raise BadArray("feature_names", "expected texts; save them by np.array(names, str)")
    hidden = sum(name.startswith("w") for name in arrays) - 1
    activations = label.activations * (hidden if len(label.activations) == 1 else 1)
    if len(activations) != max(hidden, 0):
        raise ShapeMismatch("manifest.activations", f"{len(activations)} activations for {hidden} hidden layers")
    provenance = {"source": Path(source).name, "source_sha256": hashlib.sha256(content).hexdigest()}
    beside = {}
    for kind, path in (("card", card), ("preparation", preparation)):
        if path is not None:
            beside[kind] = files.read(path, npz.LIMIT, Path(path).name)
            provenance |= {kind: Path(path).name, f"{kind}_sha256": hashlib.sha256(beside[kind]).hexdigest()}
    learned = _described(names.ravel().tolist(), beside) | {"activations": (*activations, "linear")}
    described = Manifest(**asdict(label) | learned, self_test=SelfTest((), ()), provenance=provenance)
    model = model_file.assemble(described, {name: _float64(name, array) for name, array in arrays.items()})
    model = replace(model, manifest=manifest.checked(replace(described, self_test=self_test.of_model(model))))
    if not given:
        return model
    compared = comparison.network_compared if described.prepared else comparison.compared
    return compared(model, _expected(given, len(described.features)), tolerance)


def _float64(name: str, array: npt.NDArray[Any]) -> Floats:
    if array.dtype.kind not in "fiu":
        raise BadArray(name, "expected real numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float64)


def _expected(given: dict[str, Floats], features: int) -> ExpectedScores:
    """What check_x and check_scores expect of a model with so many features. Its orders have the names check_x[0], …"""
    for name in _CHECK:
        if name not in given:
            raise MissingMember(name, "not in the training arrays; check_x and check_scores need each other")
    orders = given["check_x"]
    if orders.ndim != 2 or orders.shape[1] != features or not len(orders):
        raise ShapeMismatch("check_x", f"shape {orders.shape}, expected (orders, {features})")
    if not np.isfinite(orders).all():
        raise NotFinite("check_x", "contains a number that is not finite")
    return ExpectedScores("check_scores", orders, given["check_scores"], "check_x[{}]".format)


def _described(names: Sequence[str], beside: Mapping[str, bytes]) -> dict[str, Any]:
    """The entries of a manifest for features with these names, from a card, a preparation or neither."""
    if "preparation" in beside:
        return preparation_file.read(beside["preparation"], names)
    return {"inputs": _features(names, beside.get("card"))}


def _features(names: Sequence[str], card: bytes | None) -> tuple[Input, ...]:
    plain = tuple(inputs.feature({"name": name}, f"feature_names[{at}]") for at, name in enumerate(names))
    if card is None:
        return plain
    try:
        entries = json.loads(card, object_pairs_hook=checks.unique)["features"]
        by_name = {entry["name"]: entry for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        expected = "JSON with a list `features` of objects with a `name`, without a name given twice in an object"
        raise BadManifest("card", f"expected {expected}") from error
    if len(by_name) != len(entries):
        raise BadManifest("card", "a feature is given twice in `features`")
    for name in names:
        if name not in by_name:
            raise BadManifest("card", f"feature {name} is missing in `features`")
    return tuple(_feature(by_name[name], f"card.features.{name}") for name in names)


def _feature(entry: dict[str, Any], location: str) -> Input:
    unknown = [name for name in entry if name not in _NAMES]
    if unknown and not entry.keys() >= _RECORD:
        names = ", ".join(repr(name[:_LONGEST_NAME]) for name in unknown[:_MOST_NAMES])
        raise BadManifest(location, f"contains {names}; expected only {', '.join(_NAMES)}")
    given = {name: value for name, value in entry.items() if value is not None}
    described = {name: given[key] for name, other in _SPELLINGS.items() for key in (other, name) if key in given}
    return inputs.feature(described, location)
