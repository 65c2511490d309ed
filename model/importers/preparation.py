"""The preparation of a training script: what an order holds, and how the features are made of it.

It is JSON with the entries `inputs` and `features` of a model file of format 2 and, optional, its `context` and `also_accepts`:
see artifact/inputs.py.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from model.artifact import checks, features, inputs
from model.core.manifest import Feature
from model.errors import BadManifest

_ENTRIES = checks.object_of(
    dict,
    {"inputs": inputs.inputs, "features": checks.anything},
    {"context": inputs.context, "also_accepts": inputs.also_accepts},
)


def read(data: bytes, names: Sequence[str]) -> dict[str, Any]:
    """The entries of a manifest in the bytes of a preparation for features with these names.

    Raises BadManifest, also where the features have other names or another order.
    """
    found: dict[str, Any] = _ENTRIES(checks.read_json(data, "preparation"), "preparation")
    found["features"] = features.features(found["features"], "preparation.features", found["inputs"])
    _require_names(names, found["features"])
    return found


def _require_names(names: Sequence[str], made: Sequence[Feature]) -> None:
    for at, (name, expected) in enumerate(zip_longest(names, (each.name for each in made))):
        if expected is None:
            raise BadManifest(f"feature_names[{at}]", f"one too many: the preparation has {len(made)} features")
        if name != expected:
            what = "missing" if name is None else "another name"
            raise BadManifest(f"feature_names[{at}]", f"{what}: feature {at} of the preparation is {expected}")
