"""Imports what a training script saved, of any kind in the table of sources.py.

A .npz has plain arrays: feature_names (F,), mean (F,), scale (F,), w1 (U1, F), b1 (U1,), w2, b2, … of any real
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model import files
from model.artifact import checks, inputs, manifest, model_file, npz
from model.core.batch import Floats
from model.core.manifest import NUMBER, Input, Manifest, SelfTest
from model.core.risk_model import RiskModel
from model.errors import BadManifest, MissingMember, NotFinite, ShapeMismatch
from model.importers import comparison, functions, self_test, sources
from model.importers import preparation as preparation_file
from model.importers import scaler as scaler_file
from model.importers.comparison import TOLERANCE, ExpectedScores
from model.importers.training import Training, float64

_SPELLINGS = {"name": "name", "unit": "unit", "description": "description", "minimum": "train_min", "maximum": "train_max"}
_NAMES = dict.fromkeys((*_SPELLINGS, *_SPELLINGS.values()))
_RECORD = {"train_min", "train_max"}
_CHECK: Sequence[str] = ("check_x", "check_scores")
_MOST_NAMES, _LONGEST_NAME = 5, 40


@dataclass(frozen=True, slots=True)
class Label:
    """What the arrays do not contain: the identity of the version, its threshold, its head and its activations.

    `activations` has one name for all hidden layers, or one for each. None are those of the file, else relu. A head of None is
    that of the file, else sigmoid. `features` are names in place of those in the file.
    """

    name: str
    version: str
    threshold: float
    created: str
    description: str = ""
    activations: tuple[str, ...] | None = None
    head: str | None = None
    features: tuple[str, ...] = ()


def training_arrays(
    source: Path | str,
    label: Label,
    card: Path | str | None = None,
    tolerance: float = TOLERANCE,
    preparation: Path | str | None = None,
    scaler: Path | str | None = None,
    notice: Callable[[str, bool], None] = lambda text, warns: None,
) -> RiskModel:
    """The model in a training script's file, without a card or without a preparation. Its self-test has its own scores.

    `scaler` is the file of the mean and scale where the source has none. `notice` gets what the user should know of the file,
    and whether it is a warning. Raises ModelError.

    OtherScores if it differs by more than the tolerance from the scores that are expected in the file.
    """
    name = Path(source).name
    content = files.read(source, npz.LIMIT, name)
    read = sources.read(name, content, label.features)
    provenance = {**read.provenance, "source": name, "source_sha256": hashlib.sha256(content).hexdigest()}
    beside = {}
    for kind, path in (("card", card), ("preparation", preparation), ("scaler", scaler)):
        if path is not None:
            beside[kind] = files.read(path, npz.LIMIT, Path(path).name)
            provenance |= {kind: Path(path).name, f"{kind}_sha256": hashlib.sha256(beside[kind]).hexdigest()}
    read = scaler_file.with_scaler(read, scaler, beside.get("scaler", b""))
    arrays = dict(read.arrays)
    given = {each: float64(each, arrays.pop(each)) for each in _CHECK if each in arrays}
    learned = _described(read, beside) | functions.of(label.activations, label.head, read)
    identity = {each: getattr(label, each) for each in ("name", "version", "created", "description", "threshold")}
    described = Manifest(**identity | learned, self_test=SelfTest((), ()), provenance=provenance)
    model = model_file.assemble(described, {each: float64(each, array) for each, array in arrays.items()})
    model = replace(model, manifest=manifest.checked(replace(described, self_test=self_test.of_model(model))))
    for text, warns in (*((each, True) for each in read.warnings), *((each, False) for each in read.remarks)):
        notice(text, warns)
    if not given:
        return model
    compared = comparison.network_compared if described.prepared else comparison.compared
    return compared(model, _expected(given, len(described.features)), tolerance)


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


def _described(read: Training, beside: Mapping[str, bytes]) -> dict[str, Any]:
    """The entries of a manifest on what an order holds and the features, from the file, a card, a preparation or the names."""
    if "preparation" in beside:
        if read.inputs:
            raise BadManifest("preparation", "the file has a preparation of its own; leave this one out")
        return preparation_file.read(beside["preparation"], read.names)
    if not read.inputs:
        return {"inputs": _features(read.names, beside.get("card"))}
    numbers = [each.name for each in read.inputs if each.kind == NUMBER]
    ranges = {each.name: each for each in _features(numbers, beside.get("card"))}
    described = [_with_range(each, ranges[each.name]) if each.name in ranges else each for each in read.inputs]
    return {"inputs": tuple(described), "features": read.features}


def _with_range(each: Input, stated: Input) -> Input:
    return replace(stated, missing=each.missing)


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
